"""An exchange with a language model: request and answer. Pure.

Requests are compared in the form of OpenAI's chat completions, in which both a rehearsal and the sandbox's stand-in
have them: without the ids of messages and calls, and without times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from .placeholders import in_all_texts, matches, matches_value

_LEFT_OUT: Final = {"title", "additionalProperties", "strict", "$schema"}
"""Keys of a parameter's schema that depend on how it was sent."""


class Role(StrEnum):
    """Kind of an item of a talk."""

    INSTRUCTIONS = "instructions"
    USER = "user"
    AGENT = "agent"
    CALL = "call"
    RESULT = "result"


@dataclass(frozen=True)
class Item:
    """An item of a talk.

    Attributes:
        role: its kind.
        text: words, the result of a tool, or the arguments of a call as JSON with sorted keys.
        tool: name of the tool of a call or a result; else empty.
    """

    role: Role
    text: str
    tool: str = ""

    def matches(self, asked: Item) -> bool:
        """Return whether an asked item is this recorded one."""
        return (self.role, self.tool) == (asked.role, asked.tool) and matches(self.text, asked.text)


@dataclass(frozen=True)
class Asked:
    """A request to a model.

    Attributes:
        model: its name.
        talk: the conversation so far.
        tools: the tools that it may call: description and parameters, by name.
        choice: ``required``, or the name of the tool that it must call; empty if it chooses.
    """

    model: str
    talk: tuple[Item, ...]
    tools: Mapping[str, Any]
    choice: str = ""

    @classmethod
    def of(cls, model: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], choice: Any) -> Asked:
        """Return a request, from the form of OpenAI's chat completions."""
        offered = {} if choice == "none" else dict(_tool(each) for each in tools)
        return cls(model, tuple(_talk(messages)), offered, _choice(choice))

    def matches(self, asked: Asked) -> bool:
        """Return whether a request is this recorded one."""
        return (
            (self.model, self.choice, len(self.talk)) == (asked.model, asked.choice, len(asked.talk))
            and matches_value(dict(self.tools), dict(asked.tools))
            and all(mine.matches(other) for mine, other in zip(self.talk, asked.talk, strict=True))
        )

    def changed(self, everywhere: Callable[[str], str], changing: Callable[[str], str]) -> Asked:
        """Return the request with its texts changed: all of them, and those that the agent's code makes."""
        made = (Role.INSTRUCTIONS, Role.RESULT)
        talk = (
            replace(item, text=changing(everywhere(item.text)) if item.role in made else everywhere(item.text))
            for item in self.talk
        )
        return replace(self, talk=tuple(talk), tools=in_all_texts(dict(self.tools), everywhere))


@dataclass(frozen=True)
class Said:
    """Words of an answer.

    Attributes:
        text: the words.
        chunks: number of characters of each piece in which they came; empty for one piece.
    """

    text: str
    chunks: tuple[int, ...] = ()

    @property
    def pieces(self) -> list[str]:
        """The words as they came."""
        pieces, at = [], 0
        for length in self.chunks or (len(self.text),):
            pieces.append(self.text[at : at + length])
            at += length
        return pieces


@dataclass(frozen=True)
class Called:
    """A call of an answer.

    Attributes:
        tool: name of the tool.
        arguments: an object; a text if the model wrote something else.
    """

    tool: str
    arguments: dict[str, Any] | str

    @property
    def json(self) -> str:
        """The arguments as the model sends them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Fault:
    """An error in the place of an answer, or after a part of it.

    Attributes:
        status: HTTP status; 0 for an error without one, and 408 if it was too slow.
        message: its text.
    """

    status: int
    message: str


@dataclass(frozen=True)
class Answer:
    """An answer of a model.

    Attributes:
        parts: words and calls, in order.
        usage: tokens, as livekit-agents counts them; without those that are zero.
        fault: an error.
        interrupted: the agent stopped listening before the end.
    """

    parts: tuple[Said | Called, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    fault: Fault | None = None
    interrupted: bool = False

    def changed(self, change: Callable[[str], str]) -> Answer:
        """Return the answer with its texts changed."""
        parts: list[Said | Called] = []
        for part in self.parts:
            if isinstance(part, Called):
                parts.append(replace(part, arguments=in_all_texts(part.arguments, change)))
            elif (text := change(part.text)) != part.text:
                parts.append(Said(text))
            else:
                parts.append(part)
        fault = replace(self.fault, message=change(self.fault.message)) if self.fault else None
        return replace(self, parts=tuple(parts), fault=fault)


@dataclass(frozen=True)
class Exchange:
    """A request to a model, and its answer."""

    asked: Asked
    answer: Answer


def canonical(arguments: Any) -> str:
    """Return a call's arguments in the form in which they are compared; a text that is not JSON as it is."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return str(arguments)
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)


def _talk(messages: Sequence[Mapping[str, Any]]) -> list[Item]:
    talk: list[Item] = []
    names: dict[Any, str] = {}
    roles = {"system": Role.INSTRUCTIONS, "developer": Role.INSTRUCTIONS, "assistant": Role.AGENT}
    for message in messages:
        role, text = message.get("role"), _text(message.get("content"))
        if role == "tool":
            talk.append(Item(Role.RESULT, text, names.get(message.get("tool_call_id"), "")))
        elif text:
            talk.append(Item(roles.get(str(role), Role.USER), text))
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            names[call.get("id")] = name = str(function.get("name", ""))
            talk.append(Item(Role.CALL, canonical(function.get("arguments", "")), name))
    return talk


def _text(content: Any) -> str:
    if not isinstance(content, list):
        return str(content or "")
    parts = [part for part in content if isinstance(part, dict)]
    return "".join(part["text"] if isinstance(part.get("text"), str) else _picture(part) for part in parts)


def _picture(part: Mapping[str, Any]) -> str:
    """Return what stands for an image or a sound: its digest."""
    digest = hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
    return f"[{part.get('type', 'part')} sha256:{digest[:12]}]"


def _tool(tool: Mapping[str, Any]) -> tuple[str, Any]:
    function = tool.get("function", tool)
    kept: dict[str, Any] = {}
    if description := str(function.get("description") or "").strip():
        kept["description"] = description
    if parameters := function.get("parameters"):
        kept["parameters"] = _schema(parameters)
    return str(function.get("name") or tool.get("type")), kept


def _schema(value: Any) -> Any:
    if isinstance(value, list):
        return [_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    # Names of parameters are not keys of a schema.
    return {
        key: {name: _schema(each) for name, each in inner.items()}
        if key in ("properties", "$defs") and isinstance(inner, dict)
        else _schema(inner)
        for key, inner in value.items()
        if key not in _LEFT_OUT
    }


def _choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return str((choice.get("function") or {}).get("name", ""))
    return "required" if choice == "required" else ""
