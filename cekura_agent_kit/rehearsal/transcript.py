"""The section that a failed test's report has for a rehearsal: transcript, last turn, source lines."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Set
from typing import Any

from ..agent.job import JobUnderTest
from ..agent.tool_failures import ToolFailures
from ..agent.tools import Tools
from ..verdict import Line, exception_of
from ..worker.source import place_of
from .model import unused_rules
from .rehearsal import Rehearsal
from .room.server_api import ALONE, ServerRequest
from .turn import ToolCall, arguments_of, shown

_NAMES = {"evaluator": "caller", "agent": "agent", "tool": "tool", "event": ""}


def transcript(call: Rehearsal) -> list[Line]:
    """Return what both sides said, and what the agent called, handed over and asked of LiveKit, in order of time."""
    said = [Line(role="evaluator", text=text, at=at) for at, text in call.said]
    heard = [Line(role="agent", text=text.text.strip(), at=text.at) for text in call.heard]
    asked = [_asked(request) for request in call.requests if request.refusal or not request.is_reading]
    test = _test(call)
    failures = (test.part(ToolFailures) if test else None) or ToolFailures()
    tools = test.part(Tools) if test else None
    lines = [*said, *heard, *_done(call.items, failures, tools.doubled if tools else set()), *asked]
    return sorted(lines, key=lambda line: line.at or 0.0)


def _test(call: Rehearsal) -> JobUnderTest | None:
    # Without items there may be no room either: the call never began.
    return JobUnderTest.of_room(call.room) if call.items else None


def _done(items: Iterable[Any], failures: ToolFailures, doubled: Set[str]) -> list[Line]:
    """Return the tool calls and handoffs among the items of a chat history."""
    items = list(items)
    outputs = {item.call_id: item for item in items if item.type == "function_call_output"}
    lines = []
    for item in items:
        if item.type == "function_call":
            output = outputs.get(item.call_id)
            is_error = output is not None and output.is_error
            failure = failures.of(item.call_id) if is_error else None
            lines.append(
                Line(
                    role="tool",
                    name=item.name,
                    arguments=arguments_of(item),
                    is_error=is_error,
                    exception=failure.exception if failure else "",
                    place=failure.place if failure else "",
                    output=output.output if output is not None else "",
                    mocked=item.call_id in doubled,
                    at=item.created_at,
                )
            )
        elif item.type == "agent_handoff" and item.old_agent_id is not None:
            text = f"handoff from {item.old_agent_id} to {item.new_agent_id}"
            lines.append(Line(role="event", name="handoff", text=text, at=item.created_at))
    return lines


def _asked(request: ServerRequest) -> Line:
    text = f"asked LiveKit: {request.name}"
    if request.refusal:
        text += f", refused: {request.refusal}"
        text += f"; {ALONE}" if request.is_unavailable else ""
    return Line(role="event", name="request", text=text, at=request.at)


def report(call: Rehearsal) -> str:
    """Return the section."""
    lines = [_shown(line) for line in transcript(call)] or ["nothing was said"]
    if call.turns:
        last = call.turns[-1]
        unasked = "by itself " if len(call.turns) > 1 else "as its greeting "
        said = f"after {last.said!r} " if last.said is not None else unasked
        called = ", ".join(each.name for each in last.tool_calls) or "nothing"
        lines += ["", f"last turn: {said}the agent called {called} and was heard to say {last.text!r}"]
    test = _test(call)
    tools = test.part(Tools) if test else None
    notes = [*call.notes, *unused_rules(call.model), *(tools.notes() if tools else ())]
    lines += ["", *(f"note: {note}" for note in notes)] if notes else []
    lines += ["", f"seed: {call.seed}; rehearse(…, seed={call.seed}) gives the agent the same one again"]
    return "\n".join([*lines, *_where_to_look(call)])


def _shown(line: Line) -> str:
    words = line.text
    if line.role == "tool":
        words = shown(
            ToolCall(line.name, line.arguments, line.output, line.is_error, ""), " (mocked)" if line.mocked else ""
        )
        words += f"\nraised {raised}" if (raised := exception_of(line)) else ""
    first, *more = words.splitlines() or [""]
    return "\n".join([f"{_NAMES[line.role]:>8}  {first}", *(f"{'':>8}  {each}" for each in more)])


def _where_to_look(call: Rehearsal) -> list[str]:
    if call.target is None:
        return []
    places = {"entrypoint": call.target.place}
    if (agent := call.agent) is not None:
        places["agent"] = place_of(type(agent))
        called = {each.name for each in call.turns[-1].tool_calls} if call.turns else set()
        for tool in agent.tools:
            function = inspect.unwrap(tool)  # type: ignore[arg-type]
            if (name := getattr(tool, "id", getattr(function, "__name__", ""))) in called:
                places[f"tool {name}"] = place_of(function)
    return ["", "where to look:", *(f"  {what}: {place}" for what, place in places.items())]
