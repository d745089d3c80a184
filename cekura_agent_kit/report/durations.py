"""Times of a run and of a suite, as numbers and as text."""

from __future__ import annotations

from ..verdict import RunVerdict, SuiteVerdict


def conversation_start(run: RunVerdict) -> float:
    """Return the moment from which a conversation's times are counted, in seconds from the suite's start."""
    times = [line.at for line in run.transcript if line.at is not None]
    if run.timeline.evaluator_joined is not None and run.transcript_source != "cekura":
        times.append(run.timeline.evaluator_joined)
    return min(times, default=0.0)


def reply_times(run: RunVerdict) -> dict[int, float]:
    """Return the reply time of each first line of a reply, in seconds, by the line's index in the transcript.

    Empty if the turns of the transcript do not match the latencies.
    """
    firsts: list[int] = []
    asked = False
    for index, line in enumerate(run.transcript):
        if line.role == "evaluator":
            asked = True
        elif line.role == "agent" and asked:
            firsts.append(index)
            asked = False
    turns = run.latency.turns
    return dict(zip(firsts, turns, strict=True)) if len(firsts) == len(turns) else {}


def duration(run: RunVerdict) -> float | None:
    """Return the seconds from the run's first stage to its last."""
    times = [at for at in run.timeline.model_dump().values() if at is not None]
    return max(times) - min(times) if len(times) > 1 else None


def latency_summary(verdict: SuiteVerdict) -> str:
    """Return ``reply 0.42 s median, 0.90 s p95``, with the same of whole replies; empty if no reply was measured."""
    first, last = verdict.latency, verdict.full_reply
    if first.median is None or first.p95 is None:
        return ""
    summary = f"reply {seconds(first.median)} median, {seconds(first.p95)} p95"
    if last.median is None or last.p95 is None:
        return summary
    return f"{summary}, whole reply {seconds(last.median)} median, {seconds(last.p95)} p95"


def seconds(value: float) -> str:
    """Return ``0.42 s``, ``12.3 s``, ``1 m 12 s`` or ``1 h 2 m``."""
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m {whole % 60} s"


def clock(value: float) -> str:
    """Return ``0:03.4``: minutes, seconds and tenths."""
    tenths = round(max(value, 0.0) * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"
