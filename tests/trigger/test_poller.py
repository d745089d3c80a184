"""The poller: intervals, what Cekura leaves out of bulk answers, and verdicts that follow a run's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cekura_agent_kit.errors import CekuraRefused
from cekura_agent_kit.trigger.cekura.api_models import ApiRun
from cekura_agent_kit.trigger.cekura.client import TryLater
from cekura_agent_kit.trigger.cekura.poller import FollowedRun, Poller
from cekura_agent_kit.trigger.timing import Timing
from tests.trigger.virtual_time import run_in_virtual_time

TIMING = Timing(read_fastest=1.0, read_slowest=10.0, no_verdict=120.0)
RUNNING, DONE = ApiRun(7, "running"), ApiRun(7, "completed", True)
NO_VERDICT = ApiRun(7, "completed")

Answer = ApiRun | Exception | None


class Script:
    """Cekura that gives one answer after the other, and the last one for ever."""

    def __init__(self, *bulk: Answer, alone: Answer = None) -> None:
        self.bulk, self.alone = list(bulk), alone
        self.reads: list[tuple[float, tuple[int, ...]]] = []

    async def runs(self, ids: Sequence[int]) -> list[ApiRun]:
        self.reads.append((asyncio.get_running_loop().time(), tuple(ids)))
        answer = self.bulk.pop(0) if len(self.bulk) > 1 else self.bulk[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer] if answer else []

    async def run(self, run_id: int) -> ApiRun | None:
        if isinstance(self.alone, Exception):
            raise self.alone
        return self.alone


def followed(script: Script, until: Callable[[FollowedRun], Any], within: float = 1000.0) -> tuple[FollowedRun, float]:
    """Follow run 7 until a coroutine is done. Returns the run, and the seconds that it took."""

    async def main() -> tuple[FollowedRun, float]:
        async with Poller(script, TIMING) as poller:  # type: ignore[arg-type]
            run = poller.follow(7)
            async with asyncio.timeout(within):
                await until(run)
            return run, asyncio.get_running_loop().time()

    return run_in_virtual_time(main())


def final(run: FollowedRun) -> Any:
    return run.final.wait()


def test_a_run_is_read_until_it_is_final() -> None:
    run, _ = followed(Script(RUNNING, RUNNING, DONE), final)

    assert run.latest == DONE
    assert run.error is None


def test_the_interval_grows_without_news_up_to_its_limit() -> None:
    script = Script(*[RUNNING] * 20, DONE)
    followed(script, final)
    intervals = [round(b[0] - a[0], 2) for a, b in zip(script.reads, script.reads[1:], strict=False)]

    assert intervals[:3] == [1.0, 1.3, 1.69]
    assert intervals[-1] == 10.0


def test_a_completed_run_is_read_on_for_its_verdict() -> None:
    run, _ = followed(Script(RUNNING, NO_VERDICT, NO_VERDICT, NO_VERDICT, DONE), final)

    assert run.latest is not None
    assert run.latest.verdict is True


def test_a_completed_run_without_a_verdict_is_final_after_two_minutes() -> None:
    run, took = followed(Script(NO_VERDICT), final)

    assert run.latest is not None
    assert run.latest.verdict is None
    assert 120 <= took < 140


def test_a_failed_run_needs_no_verdict() -> None:
    assert followed(Script(ApiRun(7, "failed")), final)[1] < 3


def test_a_verdict_is_news() -> None:
    changes: list[bool | None] = []

    async def main() -> None:
        run = FollowedRun(7, lambda: changes.append(run.latest.verdict if run.latest else None))
        for each in (NO_VERDICT, NO_VERDICT, DONE):
            run.update(each, no_verdict=120)

    run_in_virtual_time(main())
    assert changes == [None, True]


def test_a_run_that_bulk_answers_leave_out_is_read_alone() -> None:
    script = Script(None, alone=DONE)
    run, _ = followed(script, final)

    assert run.latest == DONE
    assert len(script.reads) == 2


def test_where_bulk_reads_are_refused_each_run_is_read_alone() -> None:
    run, _ = followed(Script(CekuraRefused("no", status=400, body=""), alone=DONE), final)

    assert run.latest == DONE


def test_another_run_in_the_answer_is_not_taken_for_this_one() -> None:
    with pytest.raises(TimeoutError):
        followed(Script(None, alone=ApiRun(8, "completed", True)), final, within=60)


def test_a_read_that_fails_is_kept_as_the_runs_error_until_one_succeeds() -> None:
    refused = CekuraRefused("Cekura refuses the key (403): {}", status=403, body="{}")
    errors: list[Exception | None] = []

    async def two_reads(run: FollowedRun) -> None:
        await asyncio.sleep(1.5)
        errors.append(run.error)
        await run.final.wait()
        errors.append(run.error)

    followed(Script(refused, DONE), two_reads)
    assert errors == [refused, None]


def test_the_poller_waits_as_long_as_cekura_asks() -> None:
    script = Script(TryLater("429", retry_after=30.0), DONE)
    followed(script, final)

    assert script.reads[1][0] - script.reads[0][0] >= 30


def test_a_closed_poller_changes_no_run_any_more() -> None:
    """Cekura judges a run that a stopped suite ends by what was said so far."""

    async def main() -> FollowedRun:
        async with Poller(Script(RUNNING, DONE), TIMING) as poller:  # type: ignore[arg-type]
            run = poller.follow(7)
            await asyncio.sleep(TIMING.read_fastest + 0.1)
            poller.close()
            await asyncio.sleep(60)
            return run

    run = run_in_virtual_time(main())
    assert run.latest == RUNNING
    assert not run.final.is_set()
