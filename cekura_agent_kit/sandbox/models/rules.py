"""Rules in the place of a language model: an answer for a caller's words, or for a tool's result. Pure.

A file of rules (``cekura.models.yaml`` beside the scenarios). The first rule that matches answers::

    rules:
      - user: table for (?P<people>\\w+) on (?P<day>\\w+)     # in the caller's latest words
        call: check_availability                             # only if the model may call this tool
        with: {day: "{day}", people: "{people}", time: "19:00"}
      - tool: check_availability                             # after this tool's result
        result: is free                                      # in that result
        given: my name is (?P<name>\\w+)                      # anywhere so far; the last match counts
        say: It is free, {name}. Shall I book it?
    otherwise: I did not understand "{words}".

Patterns are regular expressions; case is ignored. ``{name}`` is replaced by a named group of any pattern of the rule,
``{words}`` by the caller's latest words, or the tool's result.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Self, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ...errors import ScenarioError
from ...yaml_files import Duration, load, regular_expression
from .rules_schema import FIT_TOGETHER
from .templates import check_placeholders, filled

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
_NAMED: Final = 5
"""Rules that one line names."""

Pattern = Annotated[str, Field(min_length=1), AfterValidator(regular_expression)]
Message = Mapping[str, Any]
"""A message as OpenAI's chat completions have it."""


class Rule(BaseModel):
    """One rule. It matches if all of its patterns do; without ``user`` and ``tool``, whatever came last."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_extra=cast(Any, FIT_TOGETHER)
    )

    greeting: bool = False
    """Matches only before the caller has said anything: for a `generate_reply()` in `on_enter`."""
    user: Pattern | None = None
    """Searched in the caller's latest words."""
    tool: Annotated[str, Field(min_length=1)] | None = None
    """Name of the tool whose result came last."""
    result: Pattern | None = None
    """Searched in the tool's result."""
    given: Pattern | None = None
    """Searched in all words of both sides so far; the last match counts."""
    instructions: Pattern | None = None
    """Searched in the agent's instructions, and in those of `generate_reply`."""
    say: str = ""
    """The answer."""
    call: Annotated[str, Field(min_length=1)] | None = None
    """Name of a tool to call. The rule matches only if the model may call it."""
    arguments: Annotated[dict[str, Any], Field(alias="with")] = {}
    """The call's arguments. Captured words become numbers if the tool's parameter is a number."""
    delay: Duration | None = None
    """Time until the answer."""

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if not self.say and self.call is None:
            raise ValueError("a rule needs `say`, `call` or both")
        if self.greeting and (self.user is not None or self.tool is not None):
            raise ValueError("a rule with `greeting` has neither `user` nor `tool`: it answers before both")
        if self.user is not None and self.tool is not None:
            raise ValueError("a rule has `user` or `tool`, not both")
        if self.result is not None and self.tool is None:
            raise ValueError("`result` needs `tool`")
        if self.arguments and self.call is None:
            raise ValueError("`with` needs `call`")
        templates = (self.say, *(value for value in self.arguments.values() if isinstance(value, str)))
        check_placeholders(templates, (self.user, self.result, self.given, self.instructions))
        return self

    @property
    def summary(self) -> str:
        """The rule's patterns, or its answer."""
        keys = ("user", "tool", "result", "given", "instructions")
        return ", ".join(f"{key}: {value}" for key in keys if (value := getattr(self, key))) or f"say: {self.say}"


class Rules(BaseModel):
    """All rules, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rules: tuple[Rule, ...] = ()
    otherwise: str = 'No rule of the sandbox answers "{words}".'
    """The answer if no rule matches."""

    @model_validator(mode="after")
    def _otherwise_knows_its_names(self) -> Self:
        check_placeholders((self.otherwise,))
        return self

    def reply(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> Reply:
        """Return the answer to a conversation.

        Args:
            messages: the conversation, as OpenAI's chat completions have it.
            tools: the tools that the model may call, in the same form.
        """
        conversation = _Conversation.of(messages)
        offered = {tool["function"]["name"]: tool["function"] for tool in tools if "function" in tool}
        for number, rule in enumerate(self.rules):
            if (captured := _match(rule, conversation, offered)) is not None:
                return replace(_reply(rule, captured, offered), rule=number)
        return Reply(text=filled(self.otherwise, {"words": conversation.latest}))

    def named(self, numbers: Collection[int]) -> str:
        """Name some rules, by their numbers from 0: ``rule 3 (user: a table), and 2 more``."""
        first = sorted(numbers)[:_NAMED]
        named = [f"rule {number + 1} ({self.rules[number].summary})" for number in first]
        return ", ".join([*named, *([f"and {len(numbers) - _NAMED} more"] if len(numbers) > _NAMED else [])])


@dataclass(frozen=True)
class ToolCall:
    """A tool to be called."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer: words, a call, or words and then a call.

    Attributes:
        text: the words.
        call: the call.
        delay: seconds until the answer.
        rule: number of the rule that matched, from 0; None if none did.
    """

    text: str = ""
    call: ToolCall | None = None
    delay: float = 0.0
    rule: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class _Conversation:
    """The parts of a conversation in which patterns are searched.

    Attributes:
        role: of the last message: ``user``, ``tool`` or another.
        latest: the text of the last message: the caller's words, or a tool's result.
        tool: name of the tool whose result the last message is; else empty.
        said: the words of both sides.
        is_greeting: the caller has said nothing yet.
        instructions: all system messages.
    """

    role: str
    latest: str
    tool: str
    said: str
    is_greeting: bool
    instructions: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _Conversation:
        texts = [(message.get("role"), text_of(message)) for message in messages]
        last = next((each for each in reversed(messages) if each.get("role") not in ("system", "developer")), {})
        tools = {
            call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()
        }
        return cls(
            role=str(last.get("role", "")),
            latest=text_of(last),
            tool=tools.get(last.get("tool_call_id"), ""),
            is_greeting=not any(role == "user" and text for role, text in texts),
            said="\n".join(text for role, text in texts if role in ("user", "assistant") and text),
            instructions="\n".join(text for role, text in texts if role in ("system", "developer")),
        )


def load_rules(path: Path) -> Rules:
    """Read a file of rules.

    Raises:
        ScenarioError: the file is missing, is not YAML, or does not fit; with file and line.
    """
    return load(path, Rules, error=ScenarioError)


def text_of(message: Message) -> str:
    """Return a message's text. Its content is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _match(rule: Rule, conversation: _Conversation, offered: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the captured words if the rule matches, else None."""
    if rule.call is not None and rule.call not in offered:
        return None
    if rule.greeting and (not conversation.is_greeting or conversation.role == "tool"):
        return None
    if rule.user is not None and conversation.role != "user":
        return None
    if rule.tool is not None and (conversation.role != "tool" or conversation.tool != rule.tool):
        return None
    captured = {"words": conversation.latest}
    searches = (
        (rule.instructions, conversation.instructions),
        (rule.given, conversation.said),
        (rule.user, conversation.latest),
        (rule.result, conversation.latest),
    )
    for pattern, text in searches:
        if pattern is None:
            continue
        matches = list(re.finditer(pattern, text, re.IGNORECASE))
        if not matches:
            return None
        match = matches[-1] if pattern is rule.given else matches[0]
        captured |= {name: words for name, words in match.groupdict().items() if words is not None}
    return captured


def _reply(rule: Rule, captured: Mapping[str, str], offered: Mapping[str, Any]) -> Reply:
    call = None
    if rule.call is not None:
        parameters = offered[rule.call].get("parameters", {}).get("properties", {})
        arguments = {
            name: _converted(filled(value, captured), parameters.get(name, {})) if isinstance(value, str) else value
            for name, value in rule.arguments.items()
        }
        call = ToolCall(rule.call, arguments)
    return Reply(filled(rule.say, captured), call, rule.delay or 0.0)


def _converted(text: str, schema: Mapping[str, Any]) -> Any:
    """Return words as a number if the tool's parameter is one: ``two`` and ``2`` are 2."""
    if schema.get("type") not in ("integer", "number"):
        return text
    if text.lower() in _NUMBERS:
        return _NUMBERS.index(text.lower())
    try:
        return int(text) if schema["type"] == "integer" else float(text)
    except ValueError:
        return text
