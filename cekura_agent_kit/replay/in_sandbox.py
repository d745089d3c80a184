"""The same conversation, held again in a real room of the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import SuiteError
from ..file_names import RULES, SCENARIOS
from ..sandbox import Sandbox
from ..sandbox.cekura.scenarios import Scenario
from ..trigger.plan.planned_run import PlannedRun
from ..trigger.plan.suite import Suite
from ..trigger.settings.settings import Settings
from ..trigger.suite_run import SuiteRun
from ..variables import missing_placeholders
from ..verdict import Outcome, RunVerdict
from .play import Played, follows, judged_as_a_whole
from .recorded import Recorded, planned_for

_NAMES: Final = ("CEKURA_API_KEY", "CEKURA_API_URL", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


async def play_in_sandbox(
    recorded: Recorded,
    scenario: Scenario | None,
    *,
    suite: Suite,
    agent: str,
    llm: Path | None,
    say: Callable[[str], None],
) -> Played:
    """Hold the conversation again in a room of the sandbox, in the mode that the suite gives the run.

    Args:
        recorded: the run.
        scenario: of the sandbox's file.
        suite: has the run.
        agent: the agent's file, with ``:name`` or without.
        llm: file of model rules; None for none: the sandbox's models then understand nothing.
        say: called with a line before what takes long.

    Raises:
        SuiteError: the suite has no run of the scenario.
    """
    planned = planned_for(suite, recorded)
    if planned is None:
        raise SuiteError(
            f"the suite has no run of scenario {recorded.scenario}", hint="replay it in memory, without --sandbox"
        )
    followed = scenario is not None and follows(recorded, scenario)
    talk = scenario if scenario is not None and followed else _own_words(recorded)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / SCENARIOS
        content = talk.model_dump(mode="json", exclude_unset=True)
        file.write_text(json.dumps({str(recorded.scenario): content}), encoding="utf-8")
        if llm is not None:
            shutil.copyfile(llm, Path(folder) / RULES)
        run = await _run(suite.model_copy(update={"worker": agent}), planned, file, say)
    if run.outcome is Outcome.ERRORED:
        return Played(tuple(run.transcript), fault=f"{run.reason} ({run.hint})" if run.hint else run.reason)
    lines = tuple(run.transcript)
    if followed:
        return Played(lines, holds=run.outcome is Outcome.PASSED, explanation=tuple(run.explanation), followed=True)
    holds, explanation = (None, ()) if scenario is None else judged_as_a_whole(scenario, lines)
    return Played(lines, holds=holds, explanation=explanation)


async def _run(suite: Suite, planned: PlannedRun, file: Path, say: Callable[[str], None]) -> RunVerdict:
    box = Sandbox(file, say=say)
    box.check([planned.scenario], voice=planned.mode == "voice")
    async with box:
        settings = Settings.model_validate({each.lower(): box.environment[each] for each in _NAMES})
        environment = dict(os.environ) | missing_placeholders(os.environ) | box.environment
        verdict = await SuiteRun(suite, settings=settings, plan=[planned], environment=environment).run()
    return verdict.runs[0]


def _own_words(recorded: Recorded) -> Scenario:
    """Return a scenario of the evaluator's words, each after the agent's reply where there was one."""
    steps: list[dict[str, str]] = []
    for line in recorded.lines:
        if line.role == "evaluator" and line.text.strip():
            steps.append({"say": line.text})
        elif line.role == "agent" and line.text.strip():
            # Of several utterances, the first is waited for.
            steps = steps or [{}]
            steps[-1].setdefault("hear", ".")
    return Scenario.model_validate({"name": recorded.name or recorded.case, "talk": steps, "patience": 30})
