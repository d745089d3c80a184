"""Requests to LiveKit that are sent again while it does not answer."""

from __future__ import annotations

import asyncio

from cekura_agent_kit.errors import LiveKitError, LiveKitUnreachable
from cekura_agent_kit.trigger.rooms.service import retried
from tests.trigger.virtual_time import run_in_virtual_time


class Request:
    """Request that fails with one error after the other, then succeeds."""

    def __init__(self, *errors: Exception, takes: float = 0.0) -> None:
        self._errors, self._takes = list(errors), takes
        self.sent = 0

    async def __call__(self) -> None:
        self.sent += 1
        await asyncio.sleep(self._takes)
        if self._errors:
            raise self._errors.pop(0)


def result(request: Request, within: float) -> tuple[LiveKitError | None, float]:
    async def main() -> tuple[LiveKitError | None, float]:
        error = await retried(request, within=within)
        return error, asyncio.get_running_loop().time()

    return run_in_virtual_time(main())


def test_a_request_is_sent_again_until_livekit_answers() -> None:
    request = Request(LiveKitUnreachable("a"), LiveKitUnreachable("b"))

    assert result(request, 10)[0] is None
    assert request.sent == 3


def test_a_refusal_is_final() -> None:
    refusal = LiveKitError("no")
    request = Request(refusal)

    assert result(request, 10)[0] is refusal
    assert request.sent == 1


def test_the_last_error_is_returned_when_the_time_is_over() -> None:
    request = Request(*(LiveKitUnreachable(f"attempt {n}") for n in range(1000)))
    error, took = result(request, 10)

    assert isinstance(error, LiveKitUnreachable)
    assert str(error).startswith("attempt")
    assert took <= 10
    assert 4 < request.sent < 200


def test_an_answer_that_takes_too_long_is_not_waited_for() -> None:
    error, took = result(Request(takes=60), 2)

    assert str(error) == "LiveKit did not answer within 2 s"
    assert took == 2.0
