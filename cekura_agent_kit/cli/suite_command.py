"""A suite, run by `cekura-kit run`: sandbox, terminal, files and signals."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import native_log
from ..contract import Mode
from ..errors import KitError, SuiteError
from .console import captured_logs, terminal

if TYPE_CHECKING:
    from ..sandbox import Sandbox
    from ..trigger.suite_run import SuiteRun
    from ..verdict import SuiteVerdict
    from .console import Terminal
    from .outputs import Form
    from .planning import PlannedSuite
    from .trying import Trying


class SuiteCommand:
    """One run of the command: sandbox, suite, terminal and files."""

    def __init__(
        self,
        planned: PlannedSuite,
        *,
        trying: Trying | None,
        sandbox: bool,
        fail_fast: bool,
        follow: bool,
        suite_id: str,
        files: dict[Form, Path | None],
        baselines: list[SuiteVerdict],
        fail_on: str,
    ) -> None:
        self._planned, self._suite, self._plan = planned, planned.suite, planned.runs
        self._trying = trying
        self._sandbox, self._fail_fast, self._follow, self._files = sandbox, fail_fast, follow, files
        self._baselines, self._fail_on = baselines, fail_on
        self._suite_id = suite_id
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
            shard=self._planned.shard,
            notes=self._planned.notes,
            narrowed=self._planned.narrowed,
            retries=self._planned.retries,
            tries=self._planned.tries,
        )

    async def _run_suite(self, console: Terminal) -> SuiteVerdict:
        from ..trigger.settings.redaction import RedactingFilter, Redaction
        from ..trigger.suite_run import SuiteRun
        from .live import Live
        from .log_paths import folder_beside

        await self._try(console)
        async with AsyncExitStack() as stack:
            settings, environment = await self._settings_and_environment(stack, console.print)
            redaction = Redaction(settings.secrets)
            printed = bool(os.environ.get("CEKURA_KIT_DEBUG"))
            if not printed:
                native_log.mute()
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
                        shard=self._planned.shard,
                        notes=self._planned.notes,
                        narrowed=self._planned.narrowed,
                        retries=self._planned.retries,
                        tries=self._planned.tries,
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

    async def _try(self, console: Terminal) -> None:
        """Hold the scenarios in memory first, if that was asked for."""
        from ..trigger.settings.settings import Settings

        if self._trying is None:
            return
        if not self._sandbox:
            # A key that is missing is known before the tries, which take a while.
            Settings.from_environment(self._suite.folder).check()
        self._planned = await self._trying.hold(self._planned, console.print)

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
