"""Variables of the environment, and of ``.env`` files beside a suite. Each knows the place that it was read from."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from ...errors import SettingsError

FILES: Final = (".env", ".env.local")
"""Names of the files in a folder, in order of reading: LiveKit's starters write the second."""
_LARGEST: Final = 1_000_000
"""Bytes of a file."""


@dataclass(frozen=True)
class Variable:
    """A variable that is set and not empty. ``place`` is ``FILE:LINE``, or empty for the environment."""

    value: str
    place: str = ""


@dataclass(frozen=True)
class Variables:
    """All variables by name, and what of the files cannot be read as variables."""

    found: Mapping[str, Variable]
    unread: tuple[str, ...]
    """Places, ``FILE:LINE``, of lines that are not ``NAME=VALUE``."""


def read_variables(folders: Iterable[Path], environment: Mapping[str, str] = os.environ) -> Variables:
    """Read the variables of the environment, and of the files `FILES` of each folder.

    The environment wins over files, a later folder over an earlier one, and ``.env.local`` over ``.env``.

    Raises:
        SettingsError: a file cannot be read, or is not text in UTF-8.
    """
    found: dict[str, Variable] = {}
    unread: list[str] = []
    for folder in dict.fromkeys(folders):
        for file in (folder / name for name in FILES):
            # A pipe, as a password manager offers it, can be read only once; a folder is another program's.
            if file.is_file():
                values, wrong = _read(file)
                found |= values
                unread += wrong
    found |= {name: Variable(value) for name, value in environment.items() if value}
    return Variables(found, tuple(unread))


def _read(file: Path) -> tuple[dict[str, Variable], list[str]]:
    """Return the file's variables, and the places of the lines that are none."""
    try:
        if (size := file.stat().st_size) > _LARGEST:
            raise SettingsError(f"{file}: has {size} bytes", hint=f"give a file of at most {_LARGEST} bytes")
        # Editors on Windows write a mark at the beginning.
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"{file}:{line}: is not text in UTF-8", hint="save the file as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})", hint="give it to this user to read") from None
    lines: dict[str, int] = {}
    wrong = []
    for binding in parse_stream(io.StringIO(text)):
        # The binding's text begins with the empty lines before it.
        before = binding.original.string
        line = binding.original.line + before[: len(before) - len(before.lstrip())].count("\n")
        if binding.error:
            wrong.append(f"{file}:{line}")
        elif binding.key is not None:
            lines[binding.key] = line
    values = _values(text)
    return {name: Variable(value, f"{file}:{lines[name]}") for name, value in values.items() if value}, wrong


def _values(text: str) -> dict[str, str | None]:
    """Return the values, with ``${NAME}`` replaced. Without the library's warnings: they name no file, ours do."""
    log = logging.getLogger("dotenv.main")
    was, log.disabled = log.disabled, True
    try:
        return dotenv_values(stream=io.StringIO(text))
    finally:
        log.disabled = was
