"""Words that others wrote, agents, evaluators, services, made fit to be shown. Nothing of them is ever code."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_CONTROLS: Final = [*range(0x20), *range(0x7F, 0xA0)]
# They reorder what stands around them: a line could show another verdict than it has.
_DIRECTIONS: Final = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SEPARATORS: Final = [0x2028, 0x2029]
_SHOWN: Final = (
    {code: f"\\x{code:02x}" for code in _CONTROLS}
    | {code: f"\\u{code:04x}" for code in [*_DIRECTIONS, *_SEPARATORS]}
    # Half of a character, and what XML takes for none: no file can hold them.
    | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
    | {ord("\n"): "\n", ord("\t"): "\t"}
)


def printable(text: str) -> str:
    """The text with its lines, and every control character, bidirectional override and half character made visible."""
    return text.replace("\r\n", "\n").translate(_SHOWN)


def one_line(text: str, limit: int = 0) -> str:
    """The text on one line, cut to ``limit`` characters where one is given."""
    # A little more than is shown: a text of a megabyte is not worked through for a line of it.
    line = " ".join(printable(text[: 4 * limit] if limit else text).split())
    return line if not limit or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def console_safe(text: str) -> str:
    """The text without what a CI service would take for a command of its own.

    GitHub and Azure obey ``##[…]`` and ``##vso[…]`` anywhere in a line of a log, TeamCity ``##teamcity[…]``; ``::…::``
    counts only at a line's beginning, where no text of others is ever written.
    """
    return printable(text).replace("##", "#\u2060#")


def console_line(text: str, limit: int = 0) -> str:
    """`one_line` that is `console_safe`."""
    return console_safe(one_line(text, limit))


def web_address(url: str) -> str:
    """The address where it is one of http or https, else nothing: no other kind is ever made a link."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return url if usable and url.isprintable() and not any(map(str.isspace, url)) else ""
