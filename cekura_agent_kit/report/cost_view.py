"""Cost of a suite, in phrases that every report shares."""

from __future__ import annotations

from ..counting import counted, credits, number
from ..verdict import Cost


def cost_summary(cost: Cost | None) -> str:
    """Return one line on the cost; empty if nothing was started, or for an older report.

    For example ``about 14.5 credits (estimated: 29 messages of the evaluator in 8 runs), about 3 saved``.
    """
    if cost is None or not cost.runs:
        return ""
    parts = [counted(cost.messages, "message") + " of the evaluator"] if cost.messages else []
    parts += [f"{number(cost.minutes)} minutes of voice"] if cost.minutes else []
    basis = f"estimated: {' and '.join(parts) or 'no conversation'} in {counted(cost.runs, 'run')}"
    basis += f", {cost.unknown} of them unknown" if cost.unknown else ""
    said = f"about {credits(cost.credits)} ({basis})"
    said += f", about {credits(cost.saved)} saved" if cost.saved else ""
    if not cost.billed:
        return f"on Cekura {said}; here nothing is billed"
    return said + _balance(cost)


def _balance(cost: Cost) -> str:
    if cost.balance_before is None:
        return ""
    after = "" if cost.balance_after is None else f", {number(cost.balance_after)} after"
    return f"; balance {number(cost.balance_before)} before{after}"
