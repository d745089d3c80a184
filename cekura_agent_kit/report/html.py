"""The HTML report: one file, no network, every text of others escaped. It opens, filters and prints by itself."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..verdict import Line, Metric, Outcome, RunVerdict, ScenarioVerdict, SuiteVerdict
from . import figures
from . import phrases as words
from .sanitize import one_line, printable, web_address

_TEMPLATES: Final = Path(__file__).parent / "templates"
_AT_A_GLANCE: Final = 6
"""Runs that did not pass, told on the first screen; the list has them all."""
_AT_ONCE: Final = 2000
"""Lines of talk up to which every run is in the page as it opens, for searching in the browser and without JavaScript.

500 runs of 31 lines, 160,000 elements, take Chromium 1.8 s on two busy cores; filled in as they are opened, 0.6 s.
"""


@dataclass(frozen=True)
class Said:
    """One line of the talk."""

    line: Line
    at: str
    who: str
    reply: str
    """How long the reply took."""
    point: bool
    """Where to look."""
    arguments: str


@dataclass(frozen=True)
class RunView:
    """A run, with what its pictures and its talk need."""

    n: int
    run: RunVerdict
    flaky: bool
    blame: str
    gist: str
    own_reason: str
    metrics: list[Metric]
    took: str
    stages: figures.Stages | None
    replies: figures.Replies | None
    talk: list[Said]
    open: bool

    @property
    def point(self) -> Said | None:
        """The line at which to look."""
        return next((said for said in self.talk if said.point), None)


@dataclass(frozen=True)
class ScenarioView:
    """A scenario that ran more than once, and its runs."""

    scenario: ScenarioVerdict
    rate: str
    runs: list[RunView]


def render(verdict: SuiteVerdict) -> str:
    """The report as one HTML document."""
    runs = _runs(verdict)
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    # Only this style and this script: what a text of others might smuggle in is neither.
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    broken = [view for view in runs if view.run.outcome is not Outcome.PASSED]
    page = _environment().get_template("report.html.j2")
    return page.render(
        verdict=verdict,
        headline=words.headline(verdict),
        began=_date(verdict.started_at),
        counts=Counter(view.run.outcome.value for view in runs),
        share=_shares(runs),
        flaky=sum(view.flaky for view in runs),
        modes=sorted({view.run.mode.value for view in runs}),
        latency=verdict.latency,
        full_reply=verdict.full_reply,
        runs=runs,
        glance=broken[:_AT_A_GLANCE],
        more=len(broken[_AT_A_GLANCE:]),
        scenarios=_repeated(verdict, runs),
        separator=Markup("\x1e"),
        lazy=sum(len(view.talk) for view in runs) > _AT_ONCE,
        style=Markup(style),
        script=Markup(script),
        policy=policy,
    )


def _runs(verdict: SuiteVerdict) -> list[RunView]:
    """What did not pass first."""
    flaky = words.flaky_scenarios(verdict)
    shown = words.not_passed(verdict)
    shown += [run for run in verdict.runs if run.outcome is Outcome.PASSED]
    return [_view(n, run, flaky=run.scenario in flaky) for n, run in enumerate(shown, start=1)]


def _view(n: int, run: RunVerdict, *, flaky: bool) -> RunView:
    took = words.duration(run)
    return RunView(
        n=n,
        run=run,
        flaky=flaky,
        blame=words.blame(run),
        gist=words.gist(run),
        own_reason=words.own_reason(run),
        metrics=_metrics(run),
        took="" if took is None else words.seconds(took),
        stages=figures.stages(run),
        replies=figures.replies(run),
        talk=_talk(run),
        open=n == 1 and run.outcome is not Outcome.PASSED,
    )


def _metrics(run: RunVerdict) -> list[Metric]:
    """The metrics; one that only repeats the explanation, as that of the expected outcome does, without its own."""
    told = one_line(" ".join(run.explanation))
    return [
        metric.model_copy(update={"explanation": ""}) if one_line(metric.explanation) == told else metric
        for metric in run.metrics
    ]


def _talk(run: RunVerdict) -> list[Said]:
    begins, replies, point = words.talk_begins(run), words.reply_times(run), words.turning_point(run)
    return [
        Said(
            line=line,
            at=words.clock(line.at - begins) if line.at is not None else "",
            who=words.speaker(line),
            reply=words.seconds(replies[n]) if n in replies else "",
            point=n == point,
            arguments=json.dumps(line.arguments, ensure_ascii=False, default=str) if line.arguments else "",
        )
        for n, line in enumerate(run.transcript)
    ]


def _repeated(verdict: SuiteVerdict, runs: list[RunView]) -> list[ScenarioView]:
    by_scenario: dict[int, list[RunView]] = {}
    for view in runs:
        by_scenario.setdefault(view.run.scenario, []).append(view)
    shown = [each for each in verdict.scenarios if len(by_scenario.get(each.scenario, [])) > 1]
    return [ScenarioView(each, words.rate(each), by_scenario[each.scenario]) for each in shown]


def _shares(runs: list[RunView]) -> list[tuple[str, float, float]]:
    """Outcome, begin and width in per cent, of the bar on top."""
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
        "seconds": words.seconds,
        "link": web_address,
        "one_line": one_line,
        "capitalize_first": _sentence,
    }
    return environment


def _finalize(value: Any) -> Any:
    """Autoescape makes markup text; this makes control characters and half characters text."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
