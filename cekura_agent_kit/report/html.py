"""HTML report: one file that needs no network. It opens, filters and prints; every text of others is escaped."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..verdict import Outcome, PoolId, PoolVerdict, SuiteVerdict
from . import comparison_view, durations, phrases
from .cost_view import cost_summary
from .reasons import by_attention
from .run_view import RunView, view_of
from .sanitize import printable, printable_line, web_address
from .tries_view import Tried, tried

_TEMPLATES: Final = Path(__file__).parent / "templates"
_CARDS: Final = 6
"""Runs that did not pass on the first screen; the list below has all of them."""
_LAZY_FROM: Final = 2000
"""Lines of transcript from which a run's body is added when it is opened, not at once.

500 runs of 31 lines, 160,000 elements, take Chromium 1.8 s on two busy cores; added when opened, 0.6 s. A smaller page
has everything at once, so that the browser can search it and it can be read without JavaScript.
"""


@dataclass(frozen=True)
class PoolView:
    """Pool with more than one run."""

    pool: PoolVerdict
    title: str
    rate: str
    runs: list[RunView]


def render(verdict: SuiteVerdict) -> str:
    """Return the report as one HTML document."""
    flaky = {pool.id for pool in verdict.pools if pool.flaky}
    runs = [view_of(n, run, flaky=PoolId.of(run) in flaky) for n, run in enumerate(by_attention(verdict.runs), start=1)]
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    # Only this style and this script: a style or script hidden in a text of others is neither.
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    not_passed = [view for view in runs if view.run.outcome in (Outcome.FAILED, Outcome.ERRORED)]
    page = _environment().get_template("report.html.j2")
    return page.render(
        verdict=verdict,
        headline=phrases.headline(verdict),
        started=_date(verdict.started_at),
        counts={outcome.value: count for outcome, count in phrases.outcome_counts(verdict).items()},
        shares=_shares(runs),
        flaky=sum(view.flaky for view in runs),
        modes=sorted({view.run.mode.value for view in runs}),
        latency=verdict.latency,
        full_reply=verdict.full_reply,
        runs=runs,
        cards=not_passed[:_CARDS],
        more=len(not_passed[_CARDS:]),
        tries=_tries(verdict, first=len(runs) + 1),
        pools=_repeated(verdict, runs),
        numbers={pool.id: number for number, pool in enumerate(verdict.pools)},
        cost=cost_summary(verdict.cost),
        comparison=verdict.comparison,
        compared=comparison_view,
        separator=Markup("\x1e"),
        lazy=sum(len(view.transcript) for view in runs) > _LAZY_FROM,
        style=Markup(style),
        script=Markup(script),
        policy=policy,
    )


def _tries(verdict: SuiteVerdict, *, first: int) -> list[tuple[Tried, RunView | None]]:
    """Return the tries by scenario, with the view of one that kept runs from being started, if one did."""
    return [
        (each, view_of(n, each.deciding[0], flaky=False) if each.deciding else None)
        for n, each in enumerate(tried(verdict), start=first)
    ]


def _repeated(verdict: SuiteVerdict, runs: list[RunView]) -> list[PoolView]:
    by_pool: dict[PoolId, list[RunView]] = {}
    for view in runs:
        by_pool.setdefault(PoolId.of(view.run), []).append(view)
    return [
        PoolView(pool, phrases.pool_title(pool), phrases.rate_summary(pool), by_pool[pool.id])
        for pool in verdict.pools
        if len(by_pool.get(pool.id, [])) > 1
    ]


def _shares(runs: list[RunView]) -> list[tuple[str, float, float]]:
    """Return outcome, start and width, in per cent, of each part of the bar at the top."""
    shares: list[tuple[str, float, float]] = []
    x = 0.0
    for outcome in Outcome:
        width = 100 * sum(view.run.outcome is outcome for view in runs) / max(len(runs), 1)
        shares.append((outcome.value, round(x, 2), round(width, 2)))
        x += width
    return shares


def _date(started_at: str) -> str:
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        return started_at
    zone = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M} {'UTC' if zone in ('', '+0000') else zone}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "seconds": durations.seconds,
        "link": web_address,
        "one_line": printable_line,
        "capitalize_first": _sentence,
    }
    return environment


def _finalize(value: Any) -> Any:
    """Make control characters and lone surrogates visible; autoescape only escapes markup."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
