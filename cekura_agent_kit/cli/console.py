"""The one door to the terminal: everything that a command prints passes here, and nothing of it can control a terminal.

What others wrote (API answers, room metadata, names, words, logs) may contain escape sequences, and commands that a CI
service executes. Here both become visible text. No other module of the package writes to stdout or stderr.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ..errors import KitError
from ..report.sanitize import console_text


def say(text: str = "", *, err: bool = False) -> None:
    """Print lines of text on stdout.

    Args:
        text: the lines. A part that others wrote and that must stay on one line is passed through `console_line` first.
        err: print on stderr.
    """
    _write(sys.stderr if err else sys.stdout, console_text(text) + "\n")


def say_own(text: str) -> None:
    """Print on stdout a text that is a part of this package, as it is."""
    _write(sys.stdout, text)


def say_json(value: Any) -> None:
    """Print a JSON value. All but ASCII is escaped, and so are signs that a CI service would execute."""
    # In JSON, both signs of `##` occur in strings only. No line of it begins with `::`.
    _write(sys.stdout, json.dumps(value, indent=2).replace("##", "#\\u0023") + "\n")


def say_error(error: KitError) -> None:
    """Print on stderr what happened and what to do about it."""
    say(f"cekura-kit: {error}", err=True)
    if error.hint:
        say(f"  hint: {error.hint}", err=True)


def say_traceback() -> None:
    """Print on stderr the traceback of the exception that is being handled."""
    say(traceback.format_exc().rstrip(), err=True)


def flush() -> None:
    """Write what is buffered for stdout."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()


class Terminal(Console):
    """Console of rich, for styled text, tables and live displays, whose texts are made fit as those of `say` are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object. Escape sequences are in styles and in rich's own control segments, never in text."""
        for segment in super().render(renderable, options):
            yield segment if segment.is_control else segment._replace(text=console_text(segment.text))

    def ci_commands(self, text: str) -> None:
        """Print commands for a CI service as they are. The caller has escaped what others wrote in them."""
        _write(self.file, text)


def terminal(*, stderr: bool = False) -> Terminal:
    """Return a console that prints any text: a character that its encoding lacks becomes a question mark."""
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Terminal(stderr=stderr, highlight=False, soft_wrap=True)


@contextmanager
def captured_logs(*filters: logging.Filter, printed: bool) -> Iterator[None]:
    """Keep the libraries' logs off the terminal, or print them on stderr.

    Without any handler, Python itself prints warnings of libraries on stderr, as bare texts.

    Args:
        filters: change each record before it is printed.
        printed: print the logs, from DEBUG on.
    """
    handler: logging.Handler = _LogHandler() if printed else logging.NullHandler()
    for each in filters:
        handler.addFilter(each)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if printed else level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            say(self.format(record), err=True)
        except Exception:  # noqa: BLE001 - logging's own way: a record that cannot be printed ends nothing
            self.handleError(record)


def _write(stream: IO[str], text: str) -> None:
    # A stream that a test or a caller put in the place of ours may not know how to print every character.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
