"""Removal of keys and tokens from everything that is printed, written or raised."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel

from ...safe_text import TOKEN

V = TypeVar("V")

_HIDDEN: Final = "[hidden]"
_DEVELOPMENT: Final = frozenset({"devkey", "secret", ""})
"""Key and secret of ``livekit-server --dev``: not secret, and words of plain text."""


class Redaction:
    """Replaces known secrets, and everything that looks like a token, in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        self.add(*secrets)

    @property
    def secrets(self) -> list[str]:
        """All that are known."""
        return list(self._secrets)

    def add(self, *secrets: str) -> None:
        """Replace these, too."""
        self._secrets |= {secret for secret in secrets if secret not in _DEVELOPMENT}
        # The longest first: one that begins with another would otherwise leave its rest.
        known = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern, known))) if known else None

    def text(self, text: str) -> str:
        """Return the text without them."""
        text = TOKEN.sub(_HIDDEN, text)
        return self._known.sub(_HIDDEN, text) if self._known else text

    def value(self, value: Any) -> Any:
        """Return a JSON value with each of its strings redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value


def redacted(value: V, redaction: Redaction) -> V:
    """Return an event, a verdict or a line with each of its texts redacted."""
    if isinstance(value, BaseModel):
        return type(value).model_validate(redaction.value(value.model_dump(mode="json")))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: redacted(getattr(value, field.name), redaction) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return cast(V, redaction.text(str(value))) if type(value) is str else value


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    # A short one might be part of a word.
    return escaped if len(secret) >= 12 else rf"(?<![\w-]){escaped}(?![\w-])"


class RedactingFilter(logging.Filter):
    """Redacts log records: their messages, arguments and tracebacks."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record, and let it pass."""
        record.msg, record.args = self._redaction.text(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redaction.text(record.exc_text)
        return True


@contextmanager
def redacted_logs(redaction: Redaction) -> Iterator[None]:
    """Redact the kit's logs and those of the LiveKit SDK, which contain whole tokens."""
    redacting = RedactingFilter(redaction)
    loggers = [logging.getLogger(name) for name in ("livekit", "cekura_agent_kit.trigger")]
    for logger in loggers:
        logger.addFilter(redacting)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redacting)
