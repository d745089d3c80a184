"""Differences between a request and the nearest that was recorded, each a sentence. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .exchange import Asked, Exchange, Item, Role
from .placeholders import matches, matches_value

_SHOWN: Final = 90
"""Characters of a text that are shown."""
_OF: Final = {
    Role.INSTRUCTIONS: "the instructions",
    Role.USER: "the caller's words",
    Role.AGENT: "the agent's words",
    Role.CALL: "a call of",
    Role.RESULT: "the result of",
}


def nearest(asked: Asked, exchanges: Sequence[Exchange]) -> int | None:
    """Return the index of the recorded request that is most like this one; None if nothing was recorded."""
    if not exchanges:
        return None
    return max(range(len(exchanges)), key=lambda index: (_likeness(exchanges[index].asked, asked), -index))


def differences(recorded: Asked, asked: Asked) -> list[str]:
    """Return a sentence for each difference, the model's and the tools' first."""
    return [*_of_model(recorded, asked), *_of_tools(recorded.tools, asked.tools), *_of_talk(recorded, asked)]


def _likeness(recorded: Asked, asked: Asked) -> float:
    pairs = _operations(recorded.talk, asked.talk)
    same = sum(end - start for kind, start, end, _, _ in pairs if kind == "equal")
    other = max(len(recorded.talk), len(asked.talk)) - same
    return (
        same
        - other
        - (recorded.model != asked.model)
        - 0.5 * (not matches_value(dict(recorded.tools), dict(asked.tools)))
    )


def _of_model(recorded: Asked, asked: Asked) -> Iterator[str]:
    if recorded.model != asked.model:
        yield f"the model: {recorded.model!r} was recorded, {asked.model!r} is asked"
    if recorded.choice != asked.choice:
        before, now = _choice(recorded.choice), _choice(asked.choice)
        yield f"the choice of tools: when recorded, the model {before}; now it {now}"


def _choice(choice: str) -> str:
    if choice in ("", "required"):
        return "must call some tool" if choice else "may choose"
    return f"must call {choice}"


def _of_tools(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[str]:
    for name in [each for each in asked if each not in recorded]:
        yield f"the tools: {name} is offered, and was not when recorded"
    for name in [each for each in recorded if each not in asked]:
        yield f"the tools: {name} was offered when recorded, and is not now"
    for name in [each for each in recorded if each in asked]:
        before, now = recorded[name], asked[name]
        if not matches(before.get("description", ""), now.get("description", "")):
            yield f"the description of {name}: {_texts(before.get('description', ''), now.get('description', ''))}"
        if not matches_value(before.get("parameters"), now.get("parameters")):
            yield f"the parameters of {name}: {_parameters(before.get('parameters'), now.get('parameters'))}"


def _parameters(before: Any, now: Any) -> str:
    old, new = (dict((each or {}).get("properties") or {}) for each in (before, now))
    words = [f"{name} is new" for name in new if name not in old]
    words += [f"{name} is gone" for name in old if name not in new]
    words += [
        f"{name} was {old[name]}, is {new[name]}"
        for name in old
        if name in new and not matches_value(old[name], new[name])
    ]
    return ", ".join(words) or "other parameters are required"


def _of_talk(recorded: Asked, asked: Asked) -> Iterator[str]:
    for kind, start, end, from_, to in _operations(recorded.talk, asked.talk):
        if kind == "equal":
            continue
        before, now = list(recorded.talk[start:end]), list(asked.talk[from_:to])
        paired = min(len(before), len(now))
        for number, (old, new) in enumerate(zip(before, now, strict=False)):
            yield _pair(old, new, from_ + number + 1)
        for number, item in enumerate(now[paired:]):
            yield f"item {from_ + paired + number + 1} of the talk is new: {_named(item)} {_short(item.text)}"
        for item in before[paired:]:
            yield f"the talk lacks {_named(item)} {_short(item.text)}, after item {to}"


def _pair(old: Item, new: Item, number: int) -> str:
    at = f"item {number} of the talk"
    if old.role is not new.role:
        return f"{at}: {_named(old)} {_short(old.text)} was recorded, {_named(new)} {_short(new.text)} is asked"
    if old.tool != new.tool:
        what = "the tool that is called" if old.role is Role.CALL else "the tool of the result"
        return f"{what} ({at}): {old.tool} was recorded, {new.tool} is asked"
    what = f"the arguments of {old.tool}" if old.role is Role.CALL else _named(old)
    return f"{what} ({at}): {_texts(old.text, new.text)}"


def _named(item: Item) -> str:
    return f"{_OF[item.role]} {item.tool}".rstrip()


def _texts(old: str, new: str) -> str:
    """Show the first place at which two texts differ."""
    if max(len(old), len(new)) <= _SHOWN and "\n" not in old + new:
        return f"{old!r} was recorded, {new!r} is asked"
    ours, theirs = old.splitlines(), new.splitlines()
    line = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if not matches(a, b)), None)
    if line is None:
        line = min(len(ours), len(theirs))
    a, b = (lines[line] if line < len(lines) else "" for lines in (ours, theirs))
    same = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    first = max(0, same - _SHOWN // 3)
    return f"line {line + 1}: {_cut(a, first)!r} was recorded, {_cut(b, first)!r} is asked"


def _cut(line: str, first: int) -> str:
    text = line[first : first + _SHOWN]
    return ("…" if first else "") + text + ("…" if first + _SHOWN < len(line) else "")


def _short(text: str) -> str:
    return repr(_cut(" ".join(text.split()), 0))


def _operations(recorded: Sequence[Item], asked: Sequence[Item]) -> Sequence[tuple[str, int, int, int, int]]:
    """Return the steps from one talk to the other. An item that matches a recorded one counts as the same."""
    same = {item: next((each for each in recorded if each.matches(item)), item) for item in asked}
    return difflib.SequenceMatcher(None, recorded, [same[item] for item in asked], autojunk=False).get_opcodes()
