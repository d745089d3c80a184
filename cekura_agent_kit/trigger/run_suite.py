"""A suite, run from Python."""

from __future__ import annotations

from ..verdict import SuiteVerdict
from .choosing import choose_on_cekura
from .plan.suite import Suite
from .progress import OnEvent
from .settings.settings import Settings
from .suite_run import SuiteRun


async def run_suite(suite: Suite, *, settings: Settings | None = None, on_event: OnEvent | None = None) -> SuiteVerdict:
    """Run a suite.

    Args:
        suite: from `Suite.load`, or made in Python.
        settings: keys and addresses; default: from the environment.
        on_event: called in the event loop with each event of `trigger.progress`.

    Returns:
        The verdict. Runs that could not be judged, a worker that did not start and services that did not answer are
        part of it, each with its kind and hint.

    Raises:
        SuiteError: the suite cannot be run as it is, or a `select` of it finds no scenario.
        CekuraError: the scenarios that a `select` asks for cannot be read.
        SettingsError: keys or addresses are missing or unusable.
        asyncio.CancelledError: the caller cancelled it; everything was cleaned up.
    """
    suite.check()
    settings = settings or Settings.from_environment(suite.folder)
    choice = await choose_on_cekura(suite, settings)
    run = SuiteRun(choice.suite, settings=settings, on_event=on_event, notes=choice.notes)
    return await run.run()
