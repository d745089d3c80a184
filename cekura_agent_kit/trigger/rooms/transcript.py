"""What was said in a room, put together from the streams that a witness hears. Pure: values in, values out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...verdict import Latency, Line
from ..cekura.api_models import writable

TEXT_LIMIT: Final = 20_000
"""Characters of one line: no talk needs more, and a report is to be opened."""


@dataclass
class Transcript:
    """The lines of one run, in the order in which they began. Times are seconds from the suite's start."""

    lines: list[Line] = field(default_factory=list)
    ends: dict[int, float] = field(default_factory=dict)
    """When a line's last words were heard, by the line's identity."""

    def add_words(self, role: Literal["evaluator", "agent"], text: str, *, at: float, until: float) -> Line | None:
        """Something was said. Returns its line; None for nothing but white space."""
        text = text.strip()[:TEXT_LIMIT]
        return self._add(Line(role=role, text=text, at=round(at, 3)), until) if text else None

    def add_event(self, event: dict[str, Any], *, at: float) -> Line | None:
        """An event of the wrapper's, received at ``at``. Returns its line; None for one that is not known."""
        line = event_line(event, at=at)
        return self._add(line, at) if line else None

    def _add(self, line: Line, until: float) -> Line:
        self.lines.append(line)
        # Stable: two lines of one moment stay in the order in which they came.
        self.lines.sort(key=lambda each: each.at or 0.0)
        self.ends[id(line)] = until
        return line

    @property
    def latency(self) -> Latency:
        """How long the agent took for each reply, from the evaluator's last words to the agent's first."""
        return Latency.of(first for first, _ in self._replies())

    @property
    def full_reply(self) -> Latency:
        """How long the agent took for each reply, from the evaluator's last words to the agent's last."""
        return Latency.of(last for _, last in self._replies())

    def _replies(self) -> list[tuple[float, float]]:
        """Seconds to the first and to the last words of each reply, which may be several lines."""
        replies: list[tuple[float, float]] = []
        asked: float | None = None
        answered = False
        for line in self.lines:
            end = self.ends[id(line)]
            if line.role == "evaluator":
                asked, answered = end, False
            elif line.role == "agent" and asked is not None:
                first, last = (round(max(at - asked, 0.0), 3) for at in (line.at or 0.0, end))
                if answered:
                    begun, latest = replies[-1]
                    replies[-1] = (begun, max(latest, last))
                else:
                    replies.append((first, last))
                    answered = True
        return replies


def event_line(event: dict[str, Any], *, at: float) -> Line | None:
    """A line for an event on `contract.EVENTS_TOPIC`; None for one that is not known.

    The event's own times are the worker's clock: only the length between two of them is taken from it.
    """
    kind = event.get("type")
    if kind == "tool_call":
        arguments = event.get("arguments")
        lasted = _number(event.get("at")) - _number(event.get("started_at"))
        return Line(
            role="tool",
            name=_text(event.get("name")),
            arguments=writable(arguments) if isinstance(arguments, dict) else {},
            output=_text(event.get("output")),
            text="failed" if event.get("is_error") is True else "",
            at=round(at - min(max(lasted, 0.0), at), 3),
        )
    if kind == "handoff":
        before = _text(event.get("from"))
        text = f"from {before} to {_text(event.get('to'))}" if before else f"to {_text(event.get('to'))}"
        return Line(role="event", name="handoff", text=text, at=round(at, 3))
    if kind == "error":
        text = ": ".join(part for part in (_text(event.get("source")), _text(event.get("text"))) if part)
        return Line(role="event", name="error", text=text, at=round(at, 3))
    return None


def chat_in(packet: bytes, topic: str) -> str | None:
    """The words of a raw data packet that is chat, by the rules of the contract; None for one that is not."""
    if topic not in ("", "lk.chat", "lk-chat-topic"):
        return None
    try:
        text = packet.decode()
    except UnicodeDecodeError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(value, dict | list):
        return text
    if isinstance(value, list) or "timestamp" not in value or value.get("ignoreLegacy") is True:
        return None
    message = value.get("message")
    return message if isinstance(message, str) and isinstance(value.get("id"), str) else None


def _text(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    # A lone surrogate can be said in JSON and written in no file.
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode()


def _number(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if usable else 0.0  # type: ignore[arg-type]
