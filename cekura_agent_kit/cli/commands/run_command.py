"""`cekura-kit run [SUITE]`: run a suite, show its progress and its verdict, write its reports."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...contract import Mode
from .. import signals
from ..baseline import BaselineOption, FailOnOption
from ..console import say
from ..narrowing_options import EntryOption, ExpressionOption, OnlyFailedOption, ScenarioOption, TagOption, narrowing_of
from ..trying import TryAgentOption, Trying, TryModelOption, TryOption, left_out_of

if TYPE_CHECKING:
    from ..outputs import Form

_SUITE = "Suite: each option replaces a key of the suite file"
_REPORTS = "Reports"
_FILE = "FILE"


def run(
    suite: Annotated[Path, typer.Argument(metavar="[SUITE]", help="Suite file or its folder.")] = Path("cekura.yaml"),
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use stand-ins for everything hosted, on this machine: no key, no cloud.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and start nothing.")] = False,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Run the Ith of N parts of the suite.")] = "",
    suite_id: Annotated[
        str, typer.Option(metavar="ID", help="Id of this run's rooms, for `sweep`. Default: random.")
    ] = "",
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Start no run after one that did not pass.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Show each conversation line by line.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar=_FILE, rich_help_panel=_REPORTS, help="Write the JSON report, or the plan; - prints it."
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar=_FILE, rich_help_panel=_REPORTS, help="Write a JUnit report.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar=_FILE, rich_help_panel=_REPORTS, help="Write a Markdown report.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar=_FILE, rich_help_panel=_REPORTS, help="Write an HTML report.")
    ] = None,
    name: Annotated[str | None, typer.Option(rich_help_panel=_SUITE, help="Name of the suite in reports.")] = None,
    agent_name: Annotated[
        str | None, typer.Option(rich_help_panel=_SUITE, help="LiveKit agent name to dispatch.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option(rich_help_panel=_SUITE, help="Command or Python file of a worker for this suite.")
    ] = None,
    agent: Annotated[int | None, typer.Option(rich_help_panel=_SUITE, help="Agent id on Cekura.")] = None,
    mode: Annotated[Mode | None, typer.Option(rich_help_panel=_SUITE, help="Mode of every run.")] = None,
    text_switch: Annotated[
        str | None,
        typer.Option(metavar="wrapper|dispatch", rich_help_panel=_SUITE, help="How text mode is reached."),
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option(metavar="INT|auto", rich_help_panel=_SUITE, help="Rooms at once. Default with --sandbox: auto."),
    ] = None,
    witnesses: Annotated[int | None, typer.Option(rich_help_panel=_SUITE, help="Hidden witnesses at once.")] = None,
    agent_timeout: Annotated[
        str | None, typer.Option(metavar="20s", rich_help_panel=_SUITE, help="Time for the agent to get ready.")
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="20m", rich_help_panel=_SUITE, help="Time of every run, from its start to its verdict."),
    ] = None,
    suite_timeout: Annotated[
        str | None, typer.Option(metavar="1h", rich_help_panel=_SUITE, help="Time of the whole suite.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(rich_help_panel=_SUITE, help="Seed of which each case's is derived; an entry's own stays."),
    ] = None,
    max_runs: Annotated[int | None, typer.Option(rich_help_panel=_SUITE, help="Refuse a plan with more runs.")] = None,
    max_credits: Annotated[
        float | None, typer.Option(rich_help_panel=_SUITE, help="Refuse a plan whose estimated cost is higher.")
    ] = None,
    stop_when_decided: Annotated[
        bool, typer.Option("--stop-when-decided", rich_help_panel=_SUITE, help="Skip runs that can change nothing.")
    ] = False,
    metadata: Annotated[
        str | None,
        typer.Option(metavar="JSON", rich_help_panel=_SUITE, help="JSON object for the metadata of every job."),
    ] = None,
    pass_rate: Annotated[
        float | None, typer.Option(rich_help_panel=_SUITE, help="Share of passed runs needed, 0 to 1.")
    ] = None,
    unscored: Annotated[
        str | None,
        typer.Option(
            metavar="error|warn|pass", rich_help_panel=_SUITE, help="Outcome of a pass that measured nothing."
        ),
    ] = None,
    max_reply: Annotated[
        str | None, typer.Option(metavar="3s", rich_help_panel=_SUITE, help="A slower reply fails the run.")
    ] = None,
    tag: TagOption = None,
    scenario: ScenarioOption = None,
    entry: EntryOption = None,
    expression: ExpressionOption = "",
    only_failed: OnlyFailedOption = None,
    times: TryOption = 0,
    try_agent: TryAgentOption = "",
    try_llm: TryModelOption = "",
    baseline: BaselineOption = None,
    fail_on: FailOnOption = "failed",
) -> None:
    """Run a suite.

    Exit codes: 0 all passed; 1 some failed; 2 some could not be judged, or nothing ran; 129, 130, 143 stopped by
    SIGHUP, SIGINT, SIGTERM.
    """
    from ...trigger.estimate import check_credits
    from ...trigger.plan.flags import with_default
    from ...trigger.plan.suite import Suite
    from ...trigger.plan.suite_values import AUTO
    from ..baseline import baselines_of
    from ..option_values import json_object, number_or_word, shard_parts
    from ..outputs import check_writable, is_stdout, write_json
    from ..plan import plan_as_json, print_plan
    from ..plan_cost import cost_of_plan
    from ..planning import plan_suite
    from ..suite_command import SuiteCommand

    flags = {
        "name": name,
        "agent_name": agent_name,
        "worker": worker,
        "agent": agent,
        "mode": mode,
        "text_switch": text_switch,
        "concurrency": number_or_word(concurrency),
        "witnesses": witnesses,
        "agent_timeout": agent_timeout,
        "timeout": timeout,
        "suite_timeout": suite_timeout,
        "seed": seed,
        "max_runs": max_runs,
        "max_credits": max_credits,
        "stop_when_decided": stop_when_decided or None,
        "metadata": json_object(metadata),
        "pass_rate": pass_rate,
        "max_reply": max_reply,
        "unscored": unscored,
    }
    loaded = Suite.load(suite, flags={key: value for key, value in flags.items() if value is not None})
    if sandbox:
        loaded = with_default(loaded, "concurrency", AUTO)
    index, count = shard_parts(shard)
    narrowing = narrowing_of(
        tag, scenario, entry, expression, only_failed=only_failed, json_file=json_file, suite=loaded.name
    )
    planned = plan_suite(loaded, narrowing, sandbox=sandbox, shard=(index, count), err=is_stdout(json_file))
    baselines = baselines_of(baseline, fail_on=fail_on, suite=loaded, plan=planned.runs)
    trying = Trying.of(planned, times, agent=try_agent, llm=try_llm, sandbox=sandbox) if times else None
    if dry_run:
        if trying is not None:
            planned = signals.run(trying.hold(planned, partial(say, err=is_stdout(json_file))))
        cost = cost_of_plan(planned, sandbox=sandbox)
        print_plan(planned, cost, sandbox=sandbox, err=is_stdout(json_file))
        if json_file is not None:
            write_json(plan_as_json(planned, cost), json_file)
        check_credits(cost.estimate, loaded.max_credits, loaded.place)
        raise typer.Exit(1 if left_out_of(planned) else 0)
    files: dict[Form, Path | None] = {"json": json_file, "junit": junit, "markdown": markdown, "html": html}
    check_writable(files)
    command = SuiteCommand(
        planned,
        trying=trying,
        sandbox=sandbox,
        fail_fast=fail_fast,
        follow=follow,
        suite_id=suite_id,
        files=files,
        baselines=baselines,
        fail_on=fail_on,
    )
    raise typer.Exit(signals.run(command.run(), on_signal=command.stop))
