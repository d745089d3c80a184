"""A turn of a rehearsed call: what the agent said and did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livekit.agents import Agent
from livekit.agents.voice.run_result import RunAssert, RunResult

__tracebackhide__ = True


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool."""

    name: str
    arguments: dict[str, Any]
    output: str
    """Result of the tool, or its error; empty for a call that was not done in this turn."""
    is_error: bool
    call_id: str

    def __str__(self) -> str:
        return shown(self)


@dataclass(frozen=True)
class Handoff:
    """A handoff from one agent to another."""

    old: Agent | None
    """None for the first agent of the session."""
    new: Agent

    def __str__(self) -> str:
        return f"{type(self.old).__name__} -> {type(self.new).__name__}"


@dataclass(frozen=True, repr=False)
class Turn:
    """All that the agent did from the caller's words, or from the session's start, until all of it was done."""

    said: str | None
    """The caller's words; None for the greeting."""
    heard: Sequence[str]
    """The agent's words as they reached the caller, one a segment."""
    duration: float
    """Seconds from the caller's words, or from the session's start, to the end of the turn."""
    result: RunResult[None]
    """livekit-agents' own record."""

    @property
    def text(self) -> str:
        """The agent's words as they reached the caller, segments joined by a space."""
        return " ".join(part for part in map(str.strip, self.heard) if part)

    @property
    def messages(self) -> list[str]:
        """The agent's messages as its chat history has them."""
        return [
            event.item.text_content or ""
            for event in self.result.events
            if event.type == "message" and event.item.role == "assistant"
        ]

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls of tools, in order."""
        outputs = {
            event.item.call_id: event.item for event in self.result.events if event.type == "function_call_output"
        }
        calls = [event.item for event in self.result.events if event.type == "function_call"]
        return [_tool_call(call, outputs.get(call.call_id)) for call in calls]

    @property
    def handoffs(self) -> list[Handoff]:
        """The handoffs, in order."""
        events = [event for event in self.result.events if event.type == "agent_handoff"]
        return [Handoff(event.old_agent, event.new_agent) for event in events]

    @property
    def expect(self) -> RunAssert:
        """livekit-agents' own assertions: ``expect.contains_function_call(name=…)``, ``….judge(llm, intent=…)``."""
        return self.result.expect

    def __repr__(self) -> str:
        tools = f", tool_calls={[call.name for call in self.tool_calls]}" if self.tool_calls else ""
        said = f"said={self.said!r}, " if self.said is not None else ""
        return f"Turn({said}text={self.text!r}{tools})"


def _tool_call(call: Any, output: Any) -> ToolCall:
    return ToolCall(
        name=call.name,
        arguments=arguments_of(call),
        output=output.output if output is not None else "",
        is_error=output.is_error if output is not None else False,
        call_id=call.call_id,
    )


def shown(call: ToolCall, mark: str = "") -> str:
    """Return ``book(people=2) -> booked``, with a mark before the arrow."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    outcome = "failed: " if call.is_error else ""
    return f"{call.name}({arguments}){mark} -> {outcome}{call.output}"


def arguments_of(call: Any) -> dict[str, Any]:
    """Return a function call's arguments; those that are not a JSON object have an empty name."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    return arguments if isinstance(arguments, dict) else {"": arguments}
