"""The plan of a suite, printed by `cekura-kit run --dry-run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..contract import Mode
from ..counting import counted
from ..report.sanitize import console_line
from ..report.strength import AGENTS, let_through, runs_until_decided
from .console import say
from .trying import left_out_of

if TYPE_CHECKING:
    from ..trigger.plan.planned_run import PlannedRun
    from ..trigger.plan.suite import Suite
    from ..verdict import PoolId
    from .plan_cost import PlanCost
    from .planning import PlannedSuite


def print_plan(planned: PlannedSuite, cost: PlanCost, *, sandbox: bool = False, err: bool = False) -> None:
    """Print the runs that would be started, and how they are billed.

    Args:
        planned: the suite and its runs.
        cost: of the plan.
        sandbox: Cekura is the sandbox's.
        err: print on stderr.
    """
    from ..trigger.cekura.client import BILLED, START

    suite, plan, left_out = planned.suite, planned.runs, left_out_of(planned)
    runs = f"{counted(len(plan), 'run')}, {_at_once(planned, sandbox=sandbox)} at the same time"
    agent = f"the suite's worker: {suite.worker}" if suite.worker else f"agent {suite.agent_name!r}"
    lines = [f"{console_line(suite.name)}: {runs}. Nothing is started.", f"  agent     {console_line(agent)}"]
    for mode in Mode:
        of_mode = [run for run in plan if run.mode is mode]
        if of_mode:
            lines.append(f"  {mode:<8}  {counted(len(of_mode), 'run')}, POST {START[mode]}, billed {BILLED[mode]}")
    lines += [f"  {'note':<8}  {console_line(note)}" for note in planned.notes]
    lines += [f"  {'tried':<8}  {_tried(planned, len(left_out))}"] if planned.tries else []
    lines += cost.lines
    for run in plan:
        extra = " with a data message" if run.publish_data_message is not None else ""
        extra += f", not started: {console_line(left_out[run.case], 300)}" if run.case in left_out else ""
        lines.append(f"    {run.case:<12} {run.mode:<5} timeout {run.timeout:g} s{extra}")
    lines += _strengths(suite, plan)
    say("\n".join(lines), err=err)


def _at_once(planned: PlannedSuite, *, sandbox: bool) -> str:
    from ..trigger.machine import usable_cores
    from ..trigger.plan.suite_values import AUTO
    from ..trigger.slots import most_runs

    if planned.suite.concurrency != AUTO:
        return f"up to {planned.suite.concurrency}"
    cores = usable_cores()
    most = most_runs(cores, local=sandbox, shards=planned.shard.of if planned.shard else 1)
    return f"{min(cores, most)} to {most} (concurrency auto)"


def plan_as_json(planned: PlannedSuite, cost: PlanCost) -> dict[str, Any]:
    """Return the plan as a JSON object, version 1; docs/suite.md describes it."""
    from ..trigger.cekura.client import BILLED, START

    suite, left_out = planned.suite, left_out_of(planned)

    return {
        "version": 1,
        "suite": suite.name,
        "agent_name": suite.agent_name,
        "worker": suite.worker,
        "concurrency": suite.concurrency,
        "selected": [each.model_dump() for each in suite.selected()],
        "narrowed": planned.narrowed,
        "notes": list(planned.notes),
        "cost": cost.as_json,
        "runs": [
            {
                "case": run.case,
                "entry": run.entry,
                "scenario": run.scenario,
                "mode": run.mode.value,
                "timeout_s": run.timeout,
                "post": START[run.mode],
                "billed": BILLED[run.mode],
                "not_started": left_out.get(run.case),
            }
            for run in planned.runs
        ],
        "pools": [
            {
                "entry": pool.entry,
                "scenario": pool.scenario,
                "mode": pool.mode.value,
                "runs": runs,
                "pass_rate": pass_rate,
                "let_through": [
                    {"agent_passes": agent, "share": round(let_through(agent, runs=runs, pass_rate=pass_rate), 4)}
                    for agent in AGENTS
                ],
            }
            for pool, runs, pass_rate in _pools(suite, planned.runs)
        ],
    }


def _tried(planned: PlannedSuite, left_out: int) -> str:
    passed = sum(each.outcome == "passed" for each in planned.tries)
    tries = f"{passed} of {counted(len(planned.tries), 'try', 'tries')} in memory passed"
    return f"{tries}; {counted(left_out, 'run')} not started"


def _pools(suite: Suite, plan: list[PlannedRun]) -> list[tuple[PoolId, int, float]]:
    """Return each pool of the plan, its number of runs, and the share of passed runs that it needs."""
    rates = suite.pass_rates()
    return [(pool, runs, rates[pool]) for pool, runs in Counter(planned.pool for planned in plan).items()]


def _strengths(suite: Suite, plan: list[PlannedRun]) -> Iterator[str]:
    """Yield what the pools can show of an agent: a table, one row for all pools of a size and a rate."""
    yield "  What the pools can show: share of suites that let an agent through (computed)"
    yield (
        f"    {'the agent passes':<34}"
        + "".join(f"{agent:>5.0%}".replace("%", " %") for agent in AGENTS)
        + " of the time"
    )
    for (runs, rate), pools in Counter((runs, rate) for _, runs, rate in _pools(suite, plan)).items():
        name = f"{counted(runs, 'run')}, {rate:.0%} required ({counted(pools, 'pool')})".replace("%", " %")
        shares = (let_through(agent, runs=runs, pass_rate=rate) for agent in AGENTS)
        yield f"    {name:<34}" + "".join(f"{share:>5.0%}".replace("%", " %") for share in shares)
        if suite.stop_when_decided and runs > 1:
            means = (runs_until_decided(agent, runs=runs, pass_rate=rate) for agent in AGENTS)
            yield f"      {'runs that decide it':<32}" + "".join(f"{mean:>6.1f}" for mean in means)
