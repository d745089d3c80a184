"""Verdict of a suite, and the JSON report that it is written to and read from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from ..contract import Mode
from ..errors import ReportError
from .comparison import Comparison
from .consistency import contradictions, not_finite
from .cost import Cost, cost_of
from .outcomes import Kind, Outcome
from .pools import PoolId, PoolVerdict, ScenarioVerdict, outcome_of, pools_of, scenarios_of
from .report_model import ReportModel
from .run_verdict import Latency, Line, RunVerdict

_NEWEST = 2
"""Newest version of the format."""
_EXIT_CODES = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.ERRORED: 2, Outcome.SKIPPED: 2}


class Result(ReportModel):
    """Result on Cekura: the runs of one start."""

    id: int
    """Id on Cekura."""
    mode: Mode
    url: str = ""
    """Page of the result on Cekura."""


class Shard(ReportModel):
    """Part of a suite that a report covers."""

    index: int
    """Number of the part, from 1."""
    of: int
    """Number of parts."""


class Selected(ReportModel):
    """Scenarios that an entry's `select` found."""

    entry: str
    """Name of the entry in the suite's `runs`."""
    select: str
    """The `select` in words."""
    scenarios: list[int] = []
    """Ids on Cekura, ascending."""


class SuiteVerdict(ReportModel):
    """Verdict of a suite: the JSON report, version 2."""

    version: Literal[2] = 2
    """Version of the format."""
    suite: str
    """Name of the suite."""
    suite_id: str
    """Random id of this run of the suite."""
    shard: Shard | None = None
    """Set if the report covers only one part of the suite."""
    worker: str = ""
    """File or command of the suite's `worker`; empty if the suite starts none."""
    selected: list[Selected] = []
    """Scenarios that were chosen when the suite was planned, one element for each `select`."""
    retries: str = ""
    """Id of the report whose cases this one has run again (`--only-failed`); empty otherwise."""
    seed: int | None = None
    """Seed of the suite: with `--seed` it gives each case the same seed again. Null in a merged report of several."""
    narrowed: str = ""
    """Options that left only a part of the suite's plan, such as `--tag smoke`; empty for the whole plan."""
    outcome: Outcome
    """Worst outcome of the pools; errored if nothing ran; failed at least if fail-fast or a try left out a run."""
    kind: Kind | None = None
    """Set if the suite as a whole errored."""
    hint: str = ""
    """Advice on what to do about it."""
    started_at: str
    """ISO 8601, with its offset from UTC."""
    duration_s: float
    """Seconds from the start to the verdict."""
    results: list[Result] = []
    """Results on Cekura, one for each start."""
    runs: list[RunVerdict] = []
    """All runs of the plan, in the order of the suite file."""
    superseded: list[RunVerdict] = []
    """Attempts at cases of which another attempt counts, in `runs`; only in merged reports."""
    tries: list[RunVerdict] = []
    """Conversations held in memory before the first start (`--try`), in text. They count in no pool."""
    pools: list[PoolVerdict] = []
    """All runs, by entry, scenario and mode."""
    scenarios: list[ScenarioVerdict] = []
    """All runs, by scenario."""
    rooms_left: list[str] = []
    """Rooms that could not be deleted; `cekura-kit sweep --room NAME` tries again."""
    notes: list[str] = []
    """Observations about the suite, such as what makes a scenario worthless."""
    cost: Cost | None = None
    """Cost of the runs, estimated; null in older reports."""
    comparison: Comparison | None = None
    """Comparison with an earlier report, if one was made."""

    @property
    def exit_code(self) -> int:
        """0 if passed, 1 if failed, 2 if errored or nothing ran."""
        return _EXIT_CODES[self.outcome]

    @property
    def latency(self) -> Latency:
        """Latency over all turns of all runs. Not in the JSON report, which has them by run."""
        return Latency.of(turn for run in self.runs for turn in run.latency.turns)

    @property
    def full_reply(self) -> Latency:
        """Time to the end of the reply, over all turns of all runs. Not in the JSON report."""
        return Latency.of(turn for run in self.runs for turn in run.full_reply.turns)

    @classmethod
    def of(
        cls,
        runs: Iterable[RunVerdict],
        *,
        suite: str,
        suite_id: str,
        started_at: str,
        duration_s: float,
        results: Iterable[Result] = (),
        pass_rates: Mapping[PoolId, float] | None = None,
        kind: Kind | None = None,
        hint: str = "",
        rooms_left: Iterable[str] = (),
        notes: Iterable[str] = (),
        shard: Shard | None = None,
        worker: str = "",
        selected: Iterable[Selected] = (),
        narrowed: str = "",
        seed: int | None = None,
        billed: bool = True,
        balance: tuple[float | None, float | None] = (None, None),
        retries: str = "",
        superseded: Iterable[RunVerdict] = (),
        tries: Iterable[RunVerdict] = (),
    ) -> SuiteVerdict:
        """Judge a suite by its runs.

        Args:
            runs: in the order of the suite file.
            suite: name of the suite.
            suite_id: random id of this run of the suite.
            started_at: ISO 8601.
            duration_s: seconds.
            results: started on Cekura.
            pass_rates: share of passed runs, 0 to 1, that each pool needs. Default: 1.
            kind: set if the suite as a whole errored.
            hint: what to do about it.
            rooms_left: rooms that could not be deleted.
            notes: observations about the suite.
            shard: the part of the suite that was run, if it was split.
            worker: file or command of the suite's worker.
            selected: scenarios that were chosen when the suite was planned.
            narrowed: options that left only a part of the plan.
            seed: of which each case's seed was derived.
            billed: False for runs on a stand-in of Cekura's.
            balance: credits before the first start and after the last run, as far as they are known.
            retries: id of the report whose cases were run again.
            superseded: attempts at cases of which another attempt is in `runs`.
            tries: conversations held in memory before the first start.
        """
        runs, superseded = list(runs), list(superseded)
        pools = pools_of(runs, pass_rates or {}, superseded)
        return cls(
            suite=suite,
            suite_id=suite_id,
            shard=shard,
            worker=worker,
            selected=list(selected),
            narrowed=narrowed,
            retries=retries,
            seed=seed,
            outcome=outcome_of(runs, pools, kind),
            kind=kind,
            hint=hint,
            started_at=started_at,
            duration_s=round(duration_s, 3),
            results=list(results),
            runs=runs,
            superseded=superseded,
            tries=list(tries),
            pools=pools,
            scenarios=scenarios_of(pools),
            rooms_left=list(rooms_left),
            notes=list(notes),
            cost=cost_of([*runs, *superseded], billed=billed, before=balance[0], after=balance[1]),
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "report") -> SuiteVerdict:
        """Read a JSON report of version 2 or 1. A report of version 1 is judged anew, by its pools.

        Raises:
            ReportError: not a JSON report, or one that contradicts itself; names the first part that is wrong.
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(error := value.get("error"), dict):
            raise ReportError(
                f"{source}: the command that wrote it ended with an error: {error.get('message')}",
                hint=str(error.get("hint") or "run that command again"),
            )
        version = value.get("version") if isinstance(value, dict) else None
        if isinstance(version, int) and version > _NEWEST:
            raise ReportError(
                f"{source}: a report of version {version}, and this cekura-kit reads versions 1 to {_NEWEST}",
                hint="a newer `cekura-kit run --json` wrote it: update cekura-agent-kit here",
            )
        try:
            if version == 1:
                return _upgraded(value)
            report = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            wrong = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        else:
            wrong = next(not_finite(value), "") or next(
                contradictions(
                    report.runs,
                    report.pools,
                    report.scenarios,
                    outcome=report.outcome,
                    kind=report.kind,
                    superseded=report.superseded,
                ),
                "",
            )
        if wrong:
            raise ReportError(f"{source}: {wrong}", hint="give a file that `cekura-kit run --json` wrote")
        return report

    def to_json(self) -> str:
        """Return the JSON report, version 2."""
        return self.model_dump_json(indent=2)


def _upgraded(report: dict[str, Any]) -> SuiteVerdict:
    """Return a report of version 1 as version 2, which judges by pool where version 1 judged by scenario."""
    old = SuiteVerdict.model_validate_json(json.dumps({**report, "version": 2}))
    rates = {scenario.scenario: scenario.pass_rate for scenario in old.scenarios}
    runs = [
        run.model_copy(update={"transcript": [_upgraded_line(line) for line in run.transcript]}) for run in old.runs
    ]
    pools = pools_of(runs, {PoolId.of(run): rates.get(run.scenario, 1.0) for run in runs})
    return old.model_copy(
        update={
            "outcome": outcome_of(runs, pools, old.kind),
            "runs": runs,
            "pools": pools,
            "scenarios": scenarios_of(pools),
        }
    )


def _upgraded_line(line: Line) -> Line:
    """Return a line of version 1, in which the text of a failed tool call was "failed", as version 2."""
    failed = line.role == "tool" and line.text == "failed"
    return line.model_copy(update={"text": "", "is_error": True}) if failed else line
