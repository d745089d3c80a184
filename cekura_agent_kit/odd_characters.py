"""Characters that no key or address contains, and that copying adds: invisible ones, smart quotes, line ends. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNNAMED: Final = {
    "\0": "NULL",
    "\t": "TAB",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
}


def odd_character(text: str) -> str:
    """Return the first character that no key contains, with its position; empty if there is none. Never the text.

    A key has visible ASCII characters, and is not in quotes.
    """
    for position, character in enumerate(text, start=1):
        if not "!" <= character <= "~":
            return _described(character, position, len(text))
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return _described(text[0], 1, len(text))
    return ""


def _described(character: str, position: int, length: int) -> str:
    name = _UNNAMED.get(character) or unicodedata.name(character, "a character without a name")
    return f"{name} (U+{ord(character):04X}) at position {position} of {length}"
