"""Behaviour of an agent's tools in a test, as a suite describes it. Pure; both sides import it.

book_table: {returns: "Booked for {guests} at {time}."}     # never runs; {…}: the call's arguments
charge_card: {raises: The card was declined.}
check_stock:                                                # one answer a call; the last one is used again
  - {when: {item: tea}, returns: {left: 3}}
  - {returns: {left: 0}}
search_menu: run                                            # the real one
"*": refuse                                                 # any other: the model hears that it is not available
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

OTHERS: Final = "*"
"""Name that stands for every tool without a behaviour of its own."""
KEYS: Final = frozenset({"returns", "raises", "when"})
_PLACE: Final = re.compile(r"\{(\w+)\}")

Verb = Literal["run", "refuse"]


@dataclass(frozen=True)
class Answer:
    """One answer of a double.

    Attributes:
        value: what it returns, any JSON; or the text of the error that it raises.
        is_error: it raises.
        when: arguments that a call must have for this answer.
    """

    value: Any
    is_error: bool = False
    when: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, arguments: Mapping[str, Any]) -> Any:
        """Return the value with the call's arguments in the place of ``{…}``."""
        return _filled(self.value, arguments)

    @property
    def names(self) -> set[str]:
        """Names of the arguments that it needs."""
        return set(self.when) | set(_PLACE.findall(json.dumps(self.value, ensure_ascii=False)))


@dataclass(frozen=True)
class Double:
    """Double of a tool in a test: its answers, at least one."""

    answers: tuple[Answer, ...]

    def choose(self, arguments: Mapping[str, Any], used: set[int]) -> Answer | None:
        """Return the answer to a call: of those whose ``when`` matches, else of those without, the first not used yet.

        Args:
            arguments: of the call.
            used: indexes of the answers that were used; the chosen one is added.

        Returns:
            None if no answer fits these arguments.
        """
        numbered = list(enumerate(self.answers))
        fitting = [each for each in numbered if each[1].when and _matches(each[1].when, arguments)]
        fitting = fitting or [each for each in numbered if not each[1].when]
        if not fitting:
            return None
        index, answer = next((each for each in fitting if each[0] not in used), fitting[-1])
        used.add(index)
        return answer


Behaviour = Double | Verb


def behaviour_of(value: Any) -> Behaviour:
    """Return the behaviour that a suite's value describes.

    Raises:
        ValueError: it is none; the text says what is wrong, and what is allowed.
    """
    if value in ("run", "refuse"):
        return value  # type: ignore[no-any-return]
    answers = value if isinstance(value, list) else [value]
    if not answers:
        raise ValueError("a list of answers needs at least one")
    return Double(tuple(map(_answer, answers)))


def behaviours_of(tools: Mapping[str, Any]) -> dict[str, Behaviour]:
    """Return the behaviour of each tool, by its name. Raises ValueError as `behaviour_of`, with the name."""
    found: dict[str, Behaviour] = {}
    for name, value in tools.items():
        try:
            found[name] = behaviour_of(value)
        except ValueError as error:
            raise ValueError(f"tool {name!r}: {error}") from None
        if name == OTHERS and isinstance(found[name], Double):
            raise ValueError("'*' is run or refuse: a double is for one tool")
    return found


def _answer(value: Any) -> Answer:
    if not isinstance(value, dict):
        raise ValueError(f"{_quoted(value)} is not a behaviour: use run, refuse, {{returns: …}} or {{raises: …}}")
    if unknown := sorted(map(str, value.keys() - KEYS)):
        raise ValueError(f"unknown key {unknown[0]!r}: an answer has returns or raises, and when")
    if ("returns" in value) == ("raises" in value):
        raise ValueError("an answer has either returns or raises")
    when = value.get("when", {})
    if not isinstance(when, dict) or not all(isinstance(name, str) for name in when):
        raise ValueError(f"when is {_quoted(when)}, not a mapping of arguments")
    if "raises" in value and not (isinstance(value["raises"], str) and value["raises"].strip()):
        raise ValueError("raises is the text of an error")
    for part in (value.get("returns"), when):
        _require_json(part)
    return Answer(value.get("returns", value.get("raises")), "raises" in value, when)


def _require_json(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"{_quoted(value)} is not JSON") from None


def _matches(when: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    return all(name in arguments and arguments[name] == value for name, value in when.items())


def _filled(value: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda place: _text(arguments, place[1]), value)
    if isinstance(value, Mapping):
        return {key: _filled(each, arguments) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, arguments) for each in value]
    return value


def _text(arguments: Mapping[str, Any], name: str) -> str:
    if name not in arguments:
        return "{" + name + "}"
    value = arguments[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
