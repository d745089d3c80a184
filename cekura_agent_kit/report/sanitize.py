"""Text of agents, evaluators and services, made fit to be shown: none of it is ever code or a command. Pure.

Tokens, surrogates and lengths are the subject of `cekura_agent_kit.safe_text`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ..safe_text import shortened

_CONTROLS: Final = [*range(0x20), *range(0x7F, 0xA0)]
# They reorder the text around them: a line could show another verdict than it has.
_DIRECTIONS: Final = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SEPARATORS: Final = [0x2028, 0x2029]
_VISIBLE: Final = (
    {code: f"\\x{code:02x}" for code in _CONTROLS}
    | {code: f"\\u{code:04x}" for code in [*_DIRECTIONS, *_SEPARATORS]}
    # Lone surrogates, and what XML does not accept as a character: no file can contain them.
    | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
    | {ord("\n"): "\n", ord("\t"): "\t"}
)

_COMMAND: Final = re.compile(r"(^\s*)::|##", re.MULTILINE)


def printable(text: str) -> str:
    """Make control characters, bidirectional overrides and lone surrogates visible. Lines are kept."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def printable_line(text: str, limit: int = 0) -> str:
    """Return the printable text on one line, cut to ``limit`` characters. Default: not cut."""
    # A little more than is shown: a text of a megabyte is not processed for one line of it.
    line = " ".join(printable(text[: 4 * limit] if limit else text).split())
    return shortened(line, limit) if limit else line


def console_text(text: str) -> str:
    """Return the printable text without anything that a CI service would execute.

    GitHub and Azure execute ``##[…]`` and ``##vso[…]`` anywhere in a line of a log, TeamCity ``##teamcity[…]``, and
    GitHub ``::…::`` at the start of a line. An invisible character between the signs prevents it.
    """
    return _COMMAND.sub(_split, printable(text))


def _split(match: re.Match[str]) -> str:
    return f"{match[1]}:\u2060:" if match[1] is not None else "#\u2060#"


def console_line(text: str, limit: int = 0) -> str:
    """Return the `printable_line` of the text as a `console_text`."""
    return console_text(printable_line(text, limit))


def web_address(url: str) -> str:
    """Return the address if it is an http or https address, else an empty text: nothing else becomes a link."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return url if usable and url.isprintable() and not any(map(str.isspace, url)) else ""
