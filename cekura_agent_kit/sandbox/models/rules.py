"""Rules in the place of a language model: which words, or which tool's result, get which answer. Pure.

A file of rules (``models.yaml`` beside the scenarios); the first rule that fits answers::

    rules:
      - user: table for (?P<people>\\w+) on (?P<day>\\w+)     # in the caller's latest words
        call: check_availability                             # only where the model is offered this tool
        with: {day: "{day}", people: "{people}", time: "19:00"}
      - tool: check_availability                             # the model continues after this tool's result
        result: is free                                      # in that result
        given: my name is (?P<name>\\w+)                      # anywhere in the talk so far; the last one counts
        say: It is free, {name}. Shall I book it?
    otherwise: I did not understand "{words}".

Patterns are regular expressions, without regard to case. ``{name}`` stands for a named group of any of a rule's
patterns, ``{words}`` for what the rule looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ...errors import ScenarioError
from ...yaml_files import Duration, load
from ..cekura.scenarios import expression

_NUMBERS: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_PLACE: Final = re.compile(r"\{(\w+)\}")

Pattern = Annotated[str, Field(min_length=1), AfterValidator(expression)]
Message = Mapping[str, Any]


class Rule(BaseModel):
    """One rule. All its patterns must be found; a rule without ``user`` and ``tool`` answers whatever comes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)

    user: Pattern | None = None
    """Searched in the caller's latest words."""
    tool: Annotated[str, Field(min_length=1)] | None = None
    """The tool whose result the model continues after."""
    result: Pattern | None = None
    """Searched in the tool's result."""
    given: Pattern | None = None
    """Searched in all that both sides said so far; the last place counts."""
    instructions: Pattern | None = None
    """Searched in the agent's instructions: which agent it is, or what `generate_reply` was told."""
    say: str = ""
    """The answer."""
    call: Annotated[str, Field(min_length=1)] | None = None
    """A tool to call; the rule fits only where it is offered."""
    arguments: Annotated[dict[str, Any], Field(alias="with")] = {}
    """Its arguments; captured words become numbers where the tool wants numbers."""
    delay: Duration | None = None
    """How long the model thinks."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.say and self.call is None:
            raise ValueError("a rule needs `say`, `call` or both")
        if self.user is not None and self.tool is not None:
            raise ValueError("a rule follows `user` words or a `tool`, not both")
        if self.result is not None and self.tool is None:
            raise ValueError("`result` needs `tool`")
        if self.arguments and self.call is None:
            raise ValueError("`with` needs `call`")
        return self


class Rules(BaseModel):
    """All rules, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rules: tuple[Rule, ...] = ()
    otherwise: str = 'No rule of the sandbox answers "{words}".'
    """What is said when no rule fits."""

    def reply(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> Reply:
        """What the model answers.

        Args:
            messages: the conversation as OpenAI's chat completions have it.
            tools: the tools offered, in the same form.
        """
        talk = _Talk.of(messages)
        offered = {tool["function"]["name"]: tool["function"] for tool in tools if "function" in tool}
        for rule in self.rules:
            if (found := _fit(rule, talk, offered)) is not None:
                return _made(rule, found, offered)
        return Reply(text=_filled(self.otherwise, {"words": talk.latest}))


@dataclass(frozen=True)
class Call:
    """A tool to be called."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer: words, a call, or words and then a call. ``delay`` in seconds."""

    text: str = ""
    call: Call | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class _Talk:
    """What rules look at. ``latest`` is the caller's words, or the result of ``tool``; ``turn`` says whose it is."""

    turn: str = ""
    latest: str = ""
    tool: str = ""
    so_far: str = ""
    instructions: str = ""

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _Talk:
        said = [(message.get("role"), words_of(message)) for message in messages]
        instructions = "\n".join(words for role, words in said if role in ("system", "developer"))
        so_far = "\n".join(words for role, words in said if role in ("user", "assistant") and words)
        last = next((each for each in reversed(messages) if each.get("role") not in ("system", "developer")), {})
        names = {
            call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()
        }
        return cls(
            turn=str(last.get("role", "")),
            latest=words_of(last),
            tool=names.get(last.get("tool_call_id"), ""),
            so_far=so_far,
            instructions=instructions,
        )


def load_rules(path: Path) -> Rules:
    """Read a file of rules.

    Raises:
        ScenarioError: it is missing, no YAML, or holds something else; with file and line.
    """
    return load(path, Rules, error=ScenarioError)


def words_of(message: Message) -> str:
    """A message's text; content is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _fit(rule: Rule, talk: _Talk, offered: Mapping[str, Any]) -> dict[str, str] | None:
    """The captured words where the rule fits."""
    if rule.call is not None and rule.call not in offered:
        return None
    if rule.user is not None and talk.turn != "user":
        return None
    if rule.tool is not None and (talk.turn != "tool" or talk.tool != rule.tool):
        return None
    captured = {"words": talk.latest}
    looks = (
        (rule.instructions, talk.instructions),
        (rule.given, talk.so_far),
        (rule.user, talk.latest),
        (rule.result, talk.latest),
    )
    for pattern, text in looks:
        if pattern is None:
            continue
        matches = list(re.finditer(pattern, text, re.IGNORECASE))
        if not matches:
            return None
        match = matches[-1] if pattern is rule.given else matches[0]
        captured |= {name: words for name, words in match.groupdict().items() if words is not None}
    return captured


def _made(rule: Rule, captured: Mapping[str, str], offered: Mapping[str, Any]) -> Reply:
    call = None
    if rule.call is not None:
        wanted = offered[rule.call].get("parameters", {}).get("properties", {})
        arguments = {
            name: _typed(_filled(value, captured), wanted.get(name, {})) if isinstance(value, str) else value
            for name, value in rule.arguments.items()
        }
        call = Call(rule.call, arguments)
    return Reply(_filled(rule.say, captured), call, rule.delay or 0.0)


def _filled(template: str, captured: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: captured.get(place[1], place[0]), template)


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Spoken or written words as the number that a tool asks for."""
    if schema.get("type") not in ("integer", "number"):
        return text
    if text.lower() in _NUMBERS:
        return _NUMBERS.index(text.lower())
    try:
        return int(text) if schema["type"] == "integer" else float(text)
    except ValueError:
        return text
