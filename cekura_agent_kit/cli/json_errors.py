"""Errors as JSON: a command that was given ``--json FILE`` and ends with an error writes the error there.

A program that reads the file, or stdout for ``--json -``, never mistakes an earlier file for this command's answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..errors import KitError, ReportError
from .console import say_error

_OPTION: Final = "--json"


def write_error(error: KitError, arguments: Sequence[str]) -> None:
    """Write the error as JSON if the command line asks for JSON. A file that the command also reads stays as it is.

    Args:
        error: the error that ends the command. It was printed already.
        arguments: of the command line.
    """
    from .outputs import is_stdout, write_json

    target = _target(arguments)
    if target is None or (not is_stdout(target) and _is_read(target, arguments)):
        return
    try:
        write_json(as_json(error), target, announced=False)
    except ReportError as unwritten:
        # The command may have ended because of this very file.
        if str(unwritten) != str(error):
            say_error(unwritten)


def wants_json(arguments: Sequence[str]) -> bool:
    """Return True if the command line asks for JSON."""
    return _target(arguments) is not None


def as_json(error: KitError) -> dict[str, Any]:
    """Return the JSON of an error. ``type`` is the name of its class in `errors.py`."""
    shown = {"type": type(error).__name__, "message": str(error), "hint": error.hint, "exit_code": error.exit_code}
    return {"version": 1, "error": shown}


def _target(arguments: Sequence[str]) -> Path | None:
    """Return the file of the last ``--json``; None without one."""
    found = None
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == _OPTION and number + 1 < len(arguments):
            found = Path(arguments[number + 1])
        elif argument.startswith(f"{_OPTION}="):
            found = Path(argument.partition("=")[2])
    return found


def _is_read(target: Path, arguments: Sequence[str]) -> bool:
    """Return True if another argument names the same file, as in ``report a.json --json a.json``."""
    paths = [argument.partition("=")[2] if argument.startswith("--") else argument for argument in arguments]
    named = 0
    for path in filter(None, paths):
        with suppress(OSError, ValueError):
            named += Path(path).resolve() == target.resolve()
    return named > 1
