"""Figures of the HTML report, in per cent of their width: the stages of a run, and its replies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ..verdict import RunVerdict
from .durations import clock, seconds

_STAGES: Final = {
    "room": ("room created", "ready"),
    "agent_joined": ("agent joined", "ready"),
    "agent_ready": ("agent ready", "wait"),
    "started": ("started on Cekura", "wait"),
    "evaluator_joined": ("evaluator joined", "conversation"),
    "first_reply": ("first reply", "conversation"),
    "ended": ("conversation over", "judge"),
    "verdict": ("verdict", "judge"),
}
"""Label of each stage, and the phase that starts with it."""

PHASES: Final = {
    "ready": "waiting for the agent",
    "wait": "waiting for the evaluator",
    "conversation": "conversation",
    "judge": "waiting for the verdict",
}

_MOST: Final = 200
"""Dots or bars of one figure: more would be one band of colour, and slow to open."""


@dataclass(frozen=True)
class Span:
    """Part of the time line. ``x`` and ``width`` are in per cent."""

    phase: str
    x: float
    width: float
    label: str


@dataclass(frozen=True)
class Dot:
    """Line of the transcript, on the time line."""

    role: str
    x: float


@dataclass(frozen=True)
class Stages:
    """Time line of a run: phases, stages with the time since the first, and a dot for each line of the transcript."""

    spans: list[Span]
    phases: list[Span]
    """The spans, with those of one phase joined."""
    stages: list[tuple[str, str, str]]
    """Label, phase, and the time since the first stage as ``0:01.4``."""
    dots: list[Dot]


@dataclass(frozen=True)
class Bar:
    """Bar of a reply. ``x``, ``width`` and ``height`` are in per cent."""

    x: float
    width: float
    height: float
    value: str
    label: str


@dataclass(frozen=True)
class Replies:
    """Replies of a run, turn by turn."""

    bars: list[Bar]
    median: float
    """Height in per cent."""
    label: str


def stages(run: RunVerdict) -> Stages | None:
    """Return the time line; None if fewer than two stages are known."""
    known: list[tuple[float, str, str]] = sorted(
        ((at, *_STAGES[name]) for name, at in run.timeline if at is not None), key=lambda each: each[0]
    )
    if len(known) < 2 or known[-1][0] <= known[0][0]:
        return None
    first, last = known[0][0], known[-1][0]

    def x(at: float) -> float:
        return round((at - first) / (last - first) * 100, 2)

    spans = [
        Span(phase, x(at), round(x(until[0]) - x(at), 2), f"{PHASES[phase]}: {seconds(until[0] - at)}")
        for (at, _, phase), until in pairwise(known)
    ]
    times = [(line.role, line.at) for line in run.transcript if line.at is not None and first <= line.at <= last]
    return Stages(
        spans=spans,
        phases=_joined(spans),
        stages=[(name, phase, clock(at - first)) for at, name, phase in known],
        dots=[Dot(role, x(at)) for role, at in times[:_MOST]],
    )


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].phase == span.phase:
            last = joined.pop()
            span = Span(span.phase, last.x, round(last.width + span.width, 2), PHASES[span.phase])
        joined.append(span)
    return joined


def replies(run: RunVerdict) -> Replies | None:
    """Return the replies; None if none was measured."""
    turns = run.latency.turns
    slowest = max(turns, default=0.0)
    if not turns:
        return None
    shown = turns[:_MOST]
    step = 100 / len(shown)
    # At least a tenth: an instant reply must be visible.
    bars = [
        Bar(
            x=round(n * step + (step - min(step * 0.8, 12)) / 2, 2),
            width=round(min(step * 0.8, 12), 2),
            height=round(_share(turn, slowest) * 90 + 10, 2),
            value=seconds(turn),
            label=f"turn {n + 1}: {seconds(turn)}",
        )
        for n, turn in enumerate(shown)
    ]
    median = run.latency.median if run.latency.median is not None else slowest
    return Replies(
        bars=bars,
        median=round(_share(median, slowest) * 90 + 10, 2),
        label=f"slowest {seconds(slowest)}, turn {turns.index(slowest) + 1} of {len(turns)}",
    )


def _share(value: float, of: float) -> float:
    return value / of if of else 0.0
