"""Placeholders in recorded texts: what differs in each run, and what no file may contain. Pure.

| placeholder | stands for | written where |
|---|---|---|
| `<date>`, `<time>` | the date and the time of the recording, in the usual forms | instructions, results of tools |
| `<id>` | a UUID, 16 and more hexadecimal digits, `call_8f3e1a2b` | instructions, results of tools |
| `<secret>` | a key or a token | everywhere |
| `<any>` | anything | by hand |
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from ..safe_text import TOKEN, without_surrogates

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_ID: Final = (
    rf"\b(?:{_UUID}|[A-Za-z]{{2,12}}_(?=[0-9A-Za-z]*[0-9])[0-9A-Za-z]{{8,}}|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{{16,}})\b"
)
_DAY: Final = (
    r"(?:[A-Za-z]{3,9},? )?(?:\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}|[A-Za-z]{3,9} \d{1,2}(?:,? \d{4})?"
    r"|\d{1,2} [A-Za-z]{3,9}(?: \d{4})?)"
)
_CLOCK: Final = r"(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?(?: ?([AaPp])[Mm])?(?:Z|[+-]\d\d:?\d\d)?"
_STAMP: Final = r"1\d{9}(?:\d{3}|\.\d+)?"
_STANDS_FOR: Final = {
    "date": _DAY,
    "time": f"(?:{_CLOCK}|{_STAMP})",
    "id": _ID,
    "secret": r"\S+?",
    "any": r".*",
}
_PLACEHOLDER: Final = re.compile(rf"<({'|'.join(_STANDS_FOR)})>")
_KEY: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)[-_][A-Za-z0-9_*-]{12,}|\bAIza[0-9A-Za-z_-]{30,}|(?<=Bearer )[\w.~+/=*-]{8,}"
)
"""Keys as vendors write them, also with stars in the middle, as in their errors."""
_DATES: Final = (
    *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y"),
    *(f"{month} {{day}}{year}" for month in ("%B", "%b") for year in (", %Y", " %Y", "")),
    *(f"{{day}} {month}{year}" for month in ("%B", "%b") for year in (" %Y", "")),
)
_NEAR: Final = 120
"""Seconds around the recording in which a time is that of the recording."""


def without_keys(text: str, secrets: Iterable[str]) -> str:
    """Replace keys and tokens by `<secret>`.

    Args:
        text: a text of the agent's or the model's.
        secrets: known secrets, the longest first.
    """
    for secret in secrets:
        text = text.replace(secret, "<secret>")
    return without_surrogates(_KEY.sub("<secret>", TOKEN.sub("<secret>", text)))


def without_now(text: str, now: datetime) -> str:
    """Replace ids, and the date and time of the recording, by placeholders. Other dates and times stay.

    Args:
        text: instructions, or the result of a tool.
        now: time of the recording, with its time zone. UTC counts, too.
    """
    moments = (now, now.astimezone(UTC))
    text = re.sub(_ID, "<id>", text)
    for date in sorted({date for moment in moments for date in _dates(moment)}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(date)}(?![\d])", "<date>", text)
    text = re.sub(rf"(?<![\d:.]){_CLOCK}", lambda found: "<time>" if _is_near(found, moments) else found[0], text)
    return re.sub(
        rf"(?<![\d.]){_STAMP}(?!\d)",
        lambda found: "<time>" if abs(_unix(found[0]) - now.timestamp()) <= _NEAR else found[0],
        text,
    )


def matches(recorded: str, asked: str) -> bool:
    """Return whether a text is the recorded one; a placeholder in the recorded one matches what it stands for."""
    return recorded == asked or ("<" in recorded and _template(recorded).fullmatch(asked) is not None)


def matches_value(recorded: Any, asked: Any) -> bool:
    """Return whether a JSON value is the recorded one, its texts compared by `matches`."""
    if isinstance(recorded, str) and isinstance(asked, str):
        return matches(recorded, asked)
    if isinstance(recorded, dict) and isinstance(asked, dict):
        return recorded.keys() == asked.keys() and all(matches_value(recorded[key], asked[key]) for key in recorded)
    if isinstance(recorded, list) and isinstance(asked, list):
        return len(recorded) == len(asked) and all(map(matches_value, recorded, asked))
    return bool(recorded == asked)


@functools.lru_cache(maxsize=2048)
def _template(recorded: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(recorded)
    pattern = "".join(
        rf"(?:<{part}>|{_STANDS_FOR[part]})" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile(pattern, re.DOTALL)


def _dates(moment: datetime) -> Iterator[str]:
    for form in _DATES:
        for day in dict.fromkeys((str(moment.day), f"{moment.day:02}")):
            date = moment.strftime(form.replace("{day}", day))
            yield date
            yield from (f"{moment.strftime(weekday)}{date}" for weekday in ("%A, ", "%A ", "%a, ", "%a "))


def _is_near(found: re.Match[str], moments: Iterable[datetime]) -> bool:
    hour, minute = int(found[1]), int(found[2])
    if found[3]:
        hour = hour % 12 + (12 if found[3].lower() == "p" else 0)
    apart = (abs(hour * 60 + minute - moment.hour * 60 - moment.minute) * 60 for moment in moments)
    return any(min(seconds, 86_400 - seconds) <= _NEAR for seconds in apart)


def _unix(text: str) -> float:
    return float(text) / (1000 if text.isdigit() and len(text) == 13 else 1)


def in_all_texts(value: Any, change: Any) -> Any:
    """Return a JSON value with each of its texts changed, keys excluded."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: in_all_texts(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [in_all_texts(each, change) for each in value]
    return value
