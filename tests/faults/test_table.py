"""Each row of the table, over real HTTP, a real livekit-server and a real worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cekura_agent_kit.report.phrases import headline
from cekura_agent_kit.verdict import Kind, Outcome, RunVerdict, SuiteVerdict
from tests.faults.scene import Scene, SceneOf
from tests.faults.table import FAULTS, PASSED, Fault

pytestmark = pytest.mark.server


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_a_fault_comes_to_its_verdict(fault: Fault, scene_with: SceneOf) -> None:
    async with scene_with(faults=fault.switches) as scene:
        async with _injected(fault, scene):
            suite = scene.suite(*fault.runs, **fault.suite)
            verdict = await scene.run(suite, timing=fault.timing, fail_fast=fault.fail_fast)
        _hold_against(fault, verdict)
        assert len(scene.service.starts) - scene.foreign == fault.posts
        assert len(scene.service.runs) - scene.foreign == fault.started <= len(fault.outcomes)
        assert verdict.rooms_left == []
        assert await scene.rooms(verdict) == []
        if Kind.START_UNKNOWN in fault.outcomes:
            # They may be another job's.
            assert scene.service.requests["ends"] == 0


def _hold_against(fault: Fault, verdict: SuiteVerdict) -> None:
    told = "".join(f"\n{run.case} {_came_to(run)}: {run.reason} | {run.hint} | {run.notes}" for run in verdict.runs)
    assert tuple(map(_came_to, verdict.runs)) == fault.outcomes, told
    assert verdict.exit_code == fault.exit_code
    assert fault.headline in ("", headline(verdict))
    for run in verdict.runs:
        if run.outcome in (Outcome.FAILED, Outcome.ERRORED) or set(fault.outcomes) == {PASSED}:
            assert fault.reason in "\n".join([run.reason, *run.notes]), told
        if run.outcome is Outcome.ERRORED:
            assert fault.hint in run.hint, told


def _came_to(run: RunVerdict) -> str:
    return run.kind.value if run.kind else run.outcome.value


@asynccontextmanager
async def _injected(fault: Fault, scene: Scene) -> AsyncIterator[None]:
    if fault.inject is None:
        yield
    else:
        async with fault.inject(scene):
            yield
