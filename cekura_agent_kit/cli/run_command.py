"""`cekura-kit run [SUITE]`: run a suite, show its progress and its verdict, write its reports."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..contract import Mode
from ..errors import KitError, SuiteError
from . import signals
from .baseline import BaselineOption, FailOnOption
from .console import captured_logs, terminal

if TYPE_CHECKING:
    from ..sandbox import Sandbox
    from ..trigger.suite import PlannedRun, Suite
    from ..trigger.suite_run import SuiteRun
    from ..verdict import Shard, SuiteVerdict
    from .console import Terminal
    from .outputs import Form

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
    concurrency: Annotated[int | None, typer.Option(rich_help_panel=_SUITE, help="Rooms at once.")] = None,
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
    max_runs: Annotated[int | None, typer.Option(rich_help_panel=_SUITE, help="Refuse a plan with more runs.")] = None,
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
    baseline: BaselineOption = None,
    fail_on: FailOnOption = "failed",
) -> None:
    """Run a suite.

    Exit codes: 0 all passed; 1 some failed; 2 some could not be judged, or nothing ran; 129, 130, 143 stopped by
    SIGHUP, SIGINT, SIGTERM.
    """
    from ..trigger.shards import shard_of
    from ..trigger.suite import Suite
    from ..verdict import Shard
    from .baseline import baselines_of
    from .option_values import json_object, shard_parts
    from .outputs import check_writable, is_stdout, write_json
    from .plan import plan_as_json, print_plan

    flags = {
        "name": name,
        "agent_name": agent_name,
        "worker": worker,
        "agent": agent,
        "mode": mode,
        "text_switch": text_switch,
        "concurrency": concurrency,
        "witnesses": witnesses,
        "agent_timeout": agent_timeout,
        "timeout": timeout,
        "suite_timeout": suite_timeout,
        "max_runs": max_runs,
        "stop_when_decided": stop_when_decided or None,
        "metadata": json_object(metadata),
        "pass_rate": pass_rate,
        "max_reply": max_reply,
        "unscored": unscored,
    }
    loaded = Suite.load(suite, flags={key: value for key, value in flags.items() if value is not None})
    index, count = shard_parts(shard)
    plan = shard_of(loaded.plan(), index, count)
    baselines = baselines_of(baseline, fail_on=fail_on, suite=loaded, plan=plan)
    if dry_run:
        print_plan(loaded, plan, err=is_stdout(json_file))
        if json_file is not None:
            write_json(plan_as_json(loaded, plan), json_file)
        return
    files: dict[Form, Path | None] = {"json": json_file, "junit": junit, "markdown": markdown, "html": html}
    check_writable(files)
    command = _RunCommand(
        loaded,
        plan,
        shard=Shard(index=index, of=count) if count > 1 else None,
        sandbox=sandbox,
        fail_fast=fail_fast,
        follow=follow,
        suite_id=suite_id,
        files=files,
        baselines=baselines,
        fail_on=fail_on,
    )
    raise typer.Exit(signals.run(command.run(), on_signal=command.stop))


class _RunCommand:
    """One run of the command: sandbox, suite, terminal and files."""

    def __init__(
        self,
        suite: Suite,
        plan: list[PlannedRun],
        *,
        shard: Shard | None,
        sandbox: bool,
        fail_fast: bool,
        follow: bool,
        suite_id: str,
        files: dict[Form, Path | None],
        baselines: list[SuiteVerdict],
        fail_on: str,
    ) -> None:
        self._suite, self._plan = suite, plan
        self._sandbox, self._fail_fast, self._follow, self._files = sandbox, fail_fast, follow, files
        self._baselines, self._fail_on = baselines, fail_on
        self._suite_id = suite_id
        self._shard = shard
        self._began = time.time()
        self._stopped_by = ""
        self._suite_run: SuiteRun | None = None
        self._box: Sandbox | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self) -> int:
        """Run the suite, write its reports, and return the exit code."""
        from .baseline import compared_with
        from .outputs import deliver, is_stdout

        self._task = asyncio.current_task()
        console = terminal(stderr=is_stdout(self._files["json"]))
        try:
            verdict = await self._run_suite(console)
        except asyncio.CancelledError:
            if not self._stopped_by:
                raise
            verdict = self._not_begun()
        return deliver(compared_with(verdict, self._baselines), self._files, console, fail_on=self._fail_on)

    def stop(self, signal_name: str) -> None:
        """End the suite; before it has begun, end what was started for it."""
        self._stopped_by = f"stopped by {signal_name}"
        if self._suite_run is not None:
            self._suite_run.stop(self._stopped_by)
        elif self._task is not None:
            self._task.cancel()

    def _not_begun(self) -> SuiteVerdict:
        from ..trigger.not_run import suite_not_begun

        return suite_not_begun(
            self._suite,
            self._plan,
            self._stopped_by,
            began=self._began,
            duration=time.time() - self._began,
            suite_id=self._suite_id,
            shard=self._shard,
        )

    async def _run_suite(self, console: Terminal) -> SuiteVerdict:
        from ..trigger.settings.redaction import RedactingFilter, Redaction
        from ..trigger.suite_run import SuiteRun
        from .live import Live
        from .log_paths import folder_beside

        async with AsyncExitStack() as stack:
            settings, environment = await self._settings_and_environment(stack, console.print)
            redaction = Redaction(settings.secrets)
            printed = bool(os.environ.get("CEKURA_KIT_DEBUG"))
            stack.enter_context(captured_logs(RedactingFilter(redaction), printed=printed))
            try:
                with Live(console, follow=self._follow) as live:
                    self._suite_run = SuiteRun(
                        self._suite,
                        settings=settings,
                        on_event=live.on_event,
                        plan=self._plan,
                        fail_fast=self._fail_fast,
                        environment=environment,
                        suite_id=self._suite_id or None,
                        shard=self._shard,
                        log_folder=folder_beside(self._files.values()),
                        sandbox_gaps=lambda: self._box.gaps if self._box else (),
                    )
                    verdict = await self._suite_run.run()
                    notes = self._box.notes if self._box else []
            except KitError as error:
                error.args, error.hint = (redaction.text(str(error)),), redaction.text(error.hint)
                raise
        from ..report.sanitize import console_line

        for note in notes:
            console.print(f"sandbox: {console_line(note)}", markup=False, highlight=False)
        return verdict

    async def _settings_and_environment(
        self, stack: AsyncExitStack, say: Callable[[str], None]
    ) -> tuple[Any, dict[str, str] | None]:
        """Return keys and addresses, and the environment of the worker: the user's (None), or the sandbox's."""
        from ..trigger.settings.settings import Settings

        if not self._sandbox:
            return Settings.from_environment(self._suite.folder), None
        if self._suite.worker is None:
            raise SuiteError(
                "--sandbox starts the suite's worker, but this suite has none",
                hint="add `worker: agent.py` to the suite, or use `cekura-kit sandbox` by hand",
            )
        from ..file_names import SCENARIOS, advice_on
        from ..sandbox import Sandbox
        from ..variables import missing_placeholders

        file = self._suite.scenarios_file
        if self._suite.sandbox == SCENARIOS and (advice := advice_on(file, SCENARIOS)):
            say(advice)
        box = Sandbox(file, say=say)
        box.check([run.scenario for run in self._plan], voice=any(run.mode is Mode.VOICE for run in self._plan))
        self._box = await stack.enter_async_context(box)
        own = dict(os.environ) | missing_placeholders(os.environ)
        names = ("CEKURA_API_KEY", "CEKURA_API_URL", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
        return Settings.model_validate({each.lower(): box.environment[each] for each in names}), own | box.environment
