"""Keys and tokens taken out of whatever is printed, written or raised."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel

V = TypeVar("V")

_HIDDEN: Final = "[hidden]"
_JWT: Final = re.compile(r"\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)?")
"""LiveKit's tokens and the witness's permit; the SDK's errors and logs carry them whole."""
_DEVELOPMENT: Final = frozenset({"devkey", "secret", ""})
"""Key and secret of ``livekit-server --dev``: no secrets, and words of plain text."""


class Redaction:
    """Replaces known secrets, and whatever looks like a token, in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Know these, too."""
        self._secrets |= {secret for secret in secrets if secret not in _DEVELOPMENT}
        # The longest first, so that one that begins another leaves no rest of it.
        known = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern, known))) if known else None

    def text(self, text: str) -> str:
        """The text without them."""
        text = _JWT.sub(_HIDDEN, text)
        return self._known.sub(_HIDDEN, text) if self._known else text

    def value(self, value: Any) -> Any:
        """A JSON value with each of its strings redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value


def redacted(value: V, redaction: Redaction) -> V:
    """An event, a verdict or a line, with each of its texts redacted."""
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
    """Takes secrets out of log records, their arguments and their tracebacks."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact, and let through."""
        record.msg, record.args = self._redaction.text(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redaction.text(record.exc_text)
        return True


@contextmanager
def redacted_logs(redaction: Redaction) -> Iterator[None]:
    """Redact the logs of the SDK, which carry whole tokens, and ours."""
    quiet = RedactingFilter(redaction)
    loggers = [logging.getLogger(name) for name in ("livekit", "cekura_agent_kit.trigger")]
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)
