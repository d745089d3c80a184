"""Transcript of a room, put together from the streams and events that a witness receives. Pure."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...safe_text import TEXT_LIMIT, without_surrogates
from ...verdict import Check, Latency, Line
from ..json_values import copy_of, text_of

_STAMP_ERROR: Final = 0.5
"""Seconds by which the time of a line may be late on a machine that is busy."""


@dataclass(frozen=True)
class _Entry:
    """A line and the time of its last words, in seconds from the suite's start."""

    line: Line
    until: float

    @property
    def at(self) -> float:
        return self.line.at or 0.0


@dataclass
class Transcript:
    """Lines of one run in the order in which they began. Times are seconds from the suite's start."""

    checks: list[Check] = field(default_factory=list)
    """Checks of the agent's own code, in the order in which they were received."""
    _entries: list[_Entry] = field(default_factory=list)

    @property
    def lines(self) -> list[Line]:
        """All lines so far."""
        return [entry.line for entry in self._entries]

    def add_words(self, role: Literal["evaluator", "agent"], text: str, *, at: float, until: float) -> Line | None:
        """Add what was said from ``at`` to ``until``. Returns its line; None for nothing but white space."""
        text = without_surrogates(text.strip()[:TEXT_LIMIT])
        return self._add(Line(role=role, text=text, at=round(at, 3)), until) if text else None

    def add_event(self, event: dict[str, Any], *, at: float, asked: float = 0.0) -> Line | None:
        """Add an event of the wrapper's.

        Args:
            event: the parsed JSON.
            at: when it was received.
            asked: when the evaluator's last words before it began.

        Returns:
            Its line; None for an unknown event.
        """
        line = event_line(event, at=at)
        if line is None:
            return None
        if event.get("type") == "check":
            self.checks.append(check_of(event))
        if line.at is not None and asked - _STAMP_ERROR < line.at < asked:
            # The start of a tool call is computed back from the receipt of its event. On a busy machine the words that
            # led to it may be received so late that they would follow it.
            line = line.model_copy(update={"at": round(asked, 3)})
        return self._add(line, at)

    def _add(self, line: Line, until: float) -> Line:
        # Lines of one moment stay in the order in which they were received.
        insort(self._entries, _Entry(line, until), key=lambda entry: entry.at)
        return line

    @property
    def latency(self) -> Latency:
        """Seconds from the evaluator's last words to the agent's first words, for each reply."""
        return Latency.of(first for first, _ in self._replies())

    @property
    def full_reply(self) -> Latency:
        """Seconds from the evaluator's last words to the agent's last words, for each reply."""
        return Latency.of(last for _, last in self._replies())

    def _replies(self) -> list[tuple[float, float]]:
        """Return the seconds to the first and to the last words of each reply, which may be several lines."""
        replies: list[tuple[float, float]] = []
        asked: float | None = None
        answered = False
        for entry in self._entries:
            if entry.line.role == "evaluator":
                asked, answered = entry.until, False
            elif entry.line.role == "agent" and asked is not None:
                first, last = (round(max(at - asked, 0.0), 3) for at in (entry.at, entry.until))
                if answered:
                    begun, latest = replies[-1]
                    replies[-1] = (begun, max(latest, last))
                else:
                    replies.append((first, last))
                    answered = True
        return replies


def event_line(event: dict[str, Any], *, at: float) -> Line | None:
    """Make the line of an event on `contract.EVENTS_TOPIC`; None for an unknown one.

    The event's own times are the worker's clock: only the seconds between two of them are used.

    Args:
        event: the parsed JSON; its fields may be of any type.
        at: seconds from the suite's start, when it was received.
    """
    kind = event.get("type")
    if kind == "tool_call":
        arguments = event.get("arguments")
        lasted = _seconds(event.get("at")) - _seconds(event.get("started_at"))
        return Line(
            role="tool",
            name=text_of(event.get("name")),
            arguments=copy_of(arguments) if isinstance(arguments, dict) else {},
            output=text_of(event.get("output")),
            is_error=event.get("is_error") is True,
            exception=text_of(event.get("exception")),
            place=text_of(event.get("place")),
            mocked=event.get("mocked") is True,
            at=round(at - min(max(lasted, 0.0), at), 3),
        )
    if kind == "handoff":
        before = text_of(event.get("from"))
        text = f"from {before} to {text_of(event.get('to'))}" if before else f"to {text_of(event.get('to'))}"
        return Line(role="event", name="handoff", text=text, at=round(at, 3))
    if kind == "error":
        text = ": ".join(part for part in (text_of(event.get("source")), text_of(event.get("text"))) if part)
        return Line(role="event", name="error", text=text, at=round(at, 3))
    if kind == "check":
        made = check_of(event)
        result = "passed" if made.ok else "failed"
        text = f"{made.name}: {result}" + (f" ({made.detail})" if made.detail else "")
        return Line(role="event", name="check", text=text, at=round(at, 3))
    if kind == "note":
        return Line(role="event", name="note", text=text_of(event.get("text")), at=round(at, 3))
    if kind == "room_deleted":
        return Line(role="event", name="room deleted", text="by the agent", at=round(at, 3))
    return None


def check_of(event: dict[str, Any]) -> Check:
    """Return the check of an event of type `check`; its fields may be of any type."""
    return Check(name=text_of(event.get("name")), ok=event.get("ok") is True, detail=text_of(event.get("detail")))


def _seconds(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if usable else 0.0  # type: ignore[arg-type]
