"""A scenario file as text: entries are replaced, added and removed, and all else stays as its author wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from ..errors import ScenarioError
from ..yaml_loader import parse
from ..yaml_writer import dump

_ELSEWHERE: Final = "give another file with --to"
_HEADING: Final = "# Scenarios of Cekura, written by `cekura-kit pull`. A model plays their callers.\n"


@dataclass(frozen=True)
class Entry:
    """One scenario of the file.

    Attributes:
        value: as the loader reads it.
        begin, end: its characters in the text. Comments and blank lines that follow it are not its own.
        has_comment: it has a comment inside, which would be lost if it were written anew.
    """

    value: Any
    begin: int
    end: int
    has_comment: bool


@dataclass(frozen=True)
class EntriesFile:
    """The text of a scenario file, and its entries by id.

    Attributes:
        path: for errors.
        text: with the line breaks of the file; empty for a file that does not exist.
    """

    path: Path
    text: str
    entries: Mapping[int, Entry]

    @classmethod
    def of(cls, path: Path, text: str) -> Self:
        """Read the entries of a text that is a scenario file, or empty.

        Raises:
            ScenarioError: the entries of the text cannot be told apart by lines.
        """
        node, value = parse(text)
        if node is None:
            return cls(path, text, {})
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise ScenarioError(f"{path}: its scenarios are not on lines of their own", hint=_ELSEWHERE)
        begins = [key.start_mark.index - key.start_mark.column for key, _ in node.value]
        comments = _comments(text)
        entries = {}
        for (key, _), begin, following in zip(node.value, begins, [*begins[1:], len(text)], strict=True):
            end = _end(text, begin, following)
            found = next((each for name, each in value.items() if str(name) == str(key.value)), None)
            if str(key.value).isdigit():
                entries[int(key.value)] = Entry(found, begin, end, any(begin < at < end for at in comments))
        return cls(path, text, entries)

    def with_entries(self, changed: Mapping[int, Mapping[str, Any] | None]) -> str:
        """Return the text with entries replaced and added, or removed where the value is None.

        Raises:
            ScenarioError: the text cannot be changed so that it has exactly these entries beside the others.
        """
        text = self.text
        newline = "\r\n" if "\r\n" in text else "\n"
        for key, entry in sorted(self.entries.items(), key=lambda each: each[1].begin, reverse=True):
            if key in changed:
                value = changed[key]
                written = "" if value is None else _lines(key, value, newline)
                rest = text[entry.end :]
                text = text[: entry.begin] + written + (rest.lstrip("\r\n") if value is None else rest)
        added = [
            _lines(key, value, newline) for key, value in sorted(changed.items()) if key not in self.entries if value
        ]
        if added:
            text = (text.rstrip("\r\n") + newline if text.strip() else _HEADING.replace("\n", newline)) + newline
            text += newline.join(added)
        self._check(text, changed)
        return text

    def _check(self, text: str, changed: Mapping[int, Mapping[str, Any] | None]) -> None:
        wanted = {key: entry.value for key, entry in self.entries.items()} | dict(changed)
        try:
            _, value = parse(text)
        except (yaml.YAMLError, ValueError, RecursionError) as fault:
            what = getattr(fault, "problem", None) or str(fault).splitlines()[0]
            raise ScenarioError(f"{self.path}: cannot be edited: {what}", hint=_ELSEWHERE) from None
        if {str(key): each for key, each in (value or {}).items()} != {str(k): v for k, v in wanted.items() if v}:
            raise ScenarioError(f"{self.path}: cannot be edited without changing other entries", hint=_ELSEWHERE)


def has_entries(path: Path) -> bool:
    """Return False for a file of comments and blank lines alone."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        # The loader words it.
        return True
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _lines(key: int, entry: Mapping[str, Any], newline: str) -> str:
    return dump({key: dict(entry)}).replace("\n", newline)


def _end(text: str, begin: int, following: int) -> int:
    """Return the end of the entry's last line that is neither blank nor a comment of its file."""
    lines = text[begin:following].splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].startswith(("#", "..."))):
        lines.pop()
    return begin + sum(map(len, lines))


def _comments(text: str) -> list[int]:
    """Return the places of comments: signs `#` between two tokens."""
    found, end = [], 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        gap = text[end : token.start_mark.index]
        found += [end + place for place, sign in enumerate(gap) if sign == "#"]
        end = max(end, token.end_mark.index)
    return found
