"""The environment of a rehearsal: plugins require keys when they are made, also those that text mode never uses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..variables import missing_placeholders


@contextmanager
def environment(extra: Mapping[str, str], *, placeholders: bool = True) -> Iterator[None]:
    """Set ``extra``, and a placeholder for each known key that is not set; restore all of it at the end."""
    wanted = (missing_placeholders(os.environ) if placeholders else {}) | dict(extra)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is not None:
                os.environ[name] = value
            elif os.environ.get(name) == wanted[name]:
                del os.environ[name]
