"""`cekura-kit replay REPORT.json CASE`: hold a run's conversation again on this machine, and make a test of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ReportError, SuiteError

if TYPE_CHECKING:
    from ...replay.play import Played
    from ...replay.recorded import Recorded
    from ...sandbox.cekura.scenarios import Scenario
    from ...trigger.plan.suite import Suite

_REHEARSAL = ("cekura_agent_kit.replay.play", "cekura_agent_kit.agent.run", "cekura_agent_kit.agent.text_session")


def replay(
    report: Annotated[Path | None, typer.Argument(metavar="[REPORT.json]", help="JSON report of a run.")] = None,
    case: Annotated[str, typer.Argument(metavar="[CASE]", help="Its run to replay, such as 30#1.")] = "",
    run: Annotated[
        int | None, typer.Option("--run", metavar="ID", help="Replay this run of Cekura's, without a report.")
    ] = None,
    suite: Annotated[
        Path, typer.Option(metavar="FILE", help="Suite file or its folder: its agent is rehearsed.")
    ] = Path("cekura.yaml"),
    agent: Annotated[
        str, typer.Option(metavar="FILE", help="The agent's file, or FILE:NAME, in the place of the suite's worker.")
    ] = "",
    llm: Annotated[
        str,
        typer.Option(
            metavar="FILE|own",
            help="Model rules that answer, or the agent's own model. Default: the rules beside the suite, if any.",
        ),
    ] = "",
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Hold it in a real room of the sandbox, as the suite does.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a scenario and a pytest test of it to this folder.")
    ] = None,
) -> None:
    """Hold the conversation of a run again, in memory or in the sandbox, and print both beside each other.

    Exit codes: 0 it was held, and the scenario's expectations hold, if the sandbox's file has it; 1 they do not hold;
    2 it could not be held.
    """
    from ...importing import import_all, without_collection
    from ...worker.libraries import libraries_of
    from ...worker.source import split_target
    from .. import signals
    from ..console import say

    if (report is None) == (run is None) or (report is not None and not case):
        raise SuiteError("give a report and a case, or --run", hint="cekura-kit replay report.json 30#1")
    recorded = _recorded(report, case) if report is not None else signals.run(_from_cekura(run or 0, _folder(suite)))
    with without_collection():
        setup = _Setup.of(recorded, suite=suite, agent=agent, llm=llm)
        if not sandbox:
            libraries = libraries_of(Path(split_target(setup.agent)[0]))
            # Others may read variables that the agent sets before it imports them.
            import_all([*_REHEARSAL, *(each for each in libraries if each.startswith("livekit."))])
    say(setup.heading(recorded))
    played = signals.run(_play_in_sandbox(recorded, setup) if sandbox else _play(recorded, setup))
    _print(recorded, played, setup)
    if save is not None:
        from ...replay.saved import save as save_files

        saved = save_files(
            recorded,
            played,
            setup.scenario,
            folder=save.resolve(),
            agent=setup.agent,
            llm=setup.llm,
            given=setup.given,
        )
        say(f"written: {saved.scenario}\nwritten: {saved.test}")
    raise typer.Exit(played.exit_code)


@dataclass(frozen=True)
class _Setup:
    """Agent, model and scenario on this machine.

    Attributes:
        agent: absolute path of the agent's file, with ``:name`` or without.
        folder: the suite's, or the agent's file's.
        suite: None if only the agent's file was given.
        llm: file of model rules; None for the agent's own model.
        scenarios: the sandbox's file, if it has the scenario.
        scenario: of that file.
        given: what the agent is given.
    """

    agent: str
    folder: Path
    suite: Suite | None
    llm: Path | None
    scenarios: Path | None
    scenario: Scenario | None
    given: dict[str, Any]

    @classmethod
    def of(cls, recorded: Recorded, *, suite: Path, agent: str, llm: str) -> _Setup:
        """Find the agent, its model and the scenario.

        Raises:
            KitError: the suite, its agent or a file is missing, or the report is of another agent.
        """
        from ...file_names import RULES, default_file
        from ...rehearsal.model_file import model_file
        from ...replay.recorded import completed_by, planned_for, require_same_agent
        from ...sandbox.cekura.scenarios import load_scenarios
        from ...worker.source import absolute_target, split_target
        from ..local_agent import agent_of

        loaded = _suite(suite, needed=not agent)
        if loaded is not None and not agent:
            require_same_agent(loaded, recorded)
        folders = [Path.cwd()] if agent or loaded is None else [loaded.folder]
        target = absolute_target(agent or agent_of(loaded, needed_by="a replay", option="--agent"), folders)
        folder = Path(split_target(target)[0]).parent if loaded is None else loaded.folder
        scenarios = loaded.scenarios_file if loaded is not None and loaded.scenarios_file.exists() else None
        scenario = load_scenarios(scenarios).get(recorded.scenario) if scenarios is not None else None
        planned = planned_for(loaded, recorded) if loaded is not None else None
        return cls(
            agent=target,
            folder=folder,
            suite=loaded,
            llm=model_file(llm, [Path.cwd(), folder], default=default_file(folder, RULES).resolve()),
            scenarios=scenarios if scenario is not None else None,
            scenario=scenario,
            given=completed_by(recorded, planned, scenario),
        )

    def heading(self, recorded: Recorded) -> str:
        """Return the lines that say what is replayed, and how."""
        from ...own_code import shown_path

        name = f" ({recorded.name})" if recorded.name else ""
        outcome = f", {recorded.outcome}" if recorded.outcome else ""
        model = shown_path(self.llm) if self.llm is not None else "the agent's own model"
        return "\n".join(
            [
                f"replay of {recorded.case}{name}{outcome}{f': {recorded.reason}' if recorded.reason else ''}",
                f"agent: {shown_path(self.agent)}; model: {model}",
                *(["it had passed"] if recorded.outcome == "passed" else []),
                "",
            ]
        )


def _recorded(report: Path, case: str) -> Recorded:
    from ...replay.recorded import of_report
    from ..baseline import read_report

    return of_report(read_report(report), case, source=str(report))


def _folder(suite: Path) -> Path:
    return suite if suite.is_dir() else suite.parent


async def _from_cekura(run: int, folder: Path) -> Recorded:
    from ...replay.recorded import of_cekura
    from ...trigger.cekura.client import Cekura
    from ...trigger.settings.settings import Settings

    async with Cekura(Settings.from_environment(folder, livekit=False)) as cekura:
        found = await cekura.run(run)
    if found is None or found.scenario is None:
        raise ReportError(f"Cekura has no run {run}", hint="give the number at the end of the run's address on Cekura")
    return of_cekura(run, found.scenario, found.scenario_name, " ".join(found.explanation), found.transcript)


def _suite(path: Path, *, needed: bool) -> Suite | None:
    from ...trigger.plan.suite import DEFAULT_FILE, Suite

    file = path / DEFAULT_FILE if path.is_dir() else path
    return Suite.load(path) if needed or file.exists() else None


async def _play(recorded: Recorded, setup: _Setup) -> Played:
    from ...rehearsal.model import load_model
    from ...rehearsal.rehearsal import Rehearsal
    from ...replay.play import play

    call = Rehearsal(
        setup.agent,
        llm=load_model(setup.llm, [setup.folder]),
        scenario=recorded.scenario,
        suite=recorded.suite or (setup.suite.name if setup.suite is not None else "replay"),
        folders=[setup.folder],
        **setup.given,
    )
    return await play(recorded, setup.scenario, call)


async def _play_in_sandbox(recorded: Recorded, setup: _Setup) -> Played:
    from ...replay.in_sandbox import play_in_sandbox
    from ..console import say

    if setup.suite is None:
        raise SuiteError("the sandbox runs a suite, and there is none here", hint="give it with --suite")
    return await play_in_sandbox(recorded, setup.scenario, suite=setup.suite, agent=setup.agent, llm=setup.llm, say=say)


def _print(recorded: Recorded, played: Played, setup: _Setup) -> None:
    from ...replay.side_by_side import first_difference, rows, table
    from ..console import say

    both = rows(recorded.lines, played.lines)
    for line in [*(first_difference(both) or ["nothing differs"]), ""]:
        say(line)
    for line in table(both, width=shutil.get_terminal_size((120, 24)).columns):
        say(line)
    say()
    for line in _result(recorded, played, setup):
        say(line)


def _result(recorded: Recorded, played: Played, setup: _Setup) -> Sequence[str]:
    """Return the lines that say whether it was held, and what holds."""
    from ...own_code import shown_path

    if played.fault:
        return [f"not held: {played.fault}"]
    if setup.scenarios is None:
        return ["held; no scenario file beside the suite has this scenario, so nothing was expected"]
    place = f"{shown_path(setup.scenarios)}, scenario {recorded.scenario}"
    judged = [f"  {sentence}" for sentence in played.explanation]
    if not played.followed:
        place += ", by the whole conversation: the evaluator's words were its own"
    return [f"held; what is expected {'holds' if played.holds else 'does not hold'} ({place}):", *judged]
