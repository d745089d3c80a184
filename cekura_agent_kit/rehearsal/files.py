"""Where a test's files are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RehearsalError

if TYPE_CHECKING:
    import pytest

__tracebackhide__ = True


def folders_of(path: Path, config: pytest.Config) -> Iterator[Path]:
    """Where a relative path of a test is looked for: beside it, upwards to the root, where pytest was started."""
    folder, root = path.parent, config.rootpath
    yield folder
    while folder != root and folder != folder.parent:
        folder = folder.parent
        yield folder
    yield root
    yield config.invocation_params.dir


def find(file: str | Path, folders: Sequence[Path]) -> Path:
    """The first that exists.

    Raises:
        RehearsalError: there is none.
    """
    for folder in folders:
        if (folder / file).is_file():
            return (folder / file).resolve()
    looked = ", ".join(dict.fromkeys(map(str, folders)))
    raise RehearsalError(
        f"{file}: there is no such file in {looked}", hint="give a path from the test's folder or from the root"
    )
