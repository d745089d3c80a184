"""Laws of every text test, over a real server: refused or proven, words kept, turns whole."""

from __future__ import annotations

import asyncio

import pytest

from cekura_agent_kit.contract import ERROR_ATTRIBUTE, MODE_ATTRIBUTE, PROOF_ATTRIBUTE
from tests.agent.workers import Worker, dispatched

pytestmark = pytest.mark.server


def text(shape: str, **more: object) -> dict[str, object]:
    return {"text_mode": True, "shape": shape, **more}


@pytest.mark.parametrize("shape", ["raises_before_connecting", "raises_after_start"])
@pytest.mark.parametrize("text_mode", [True, False])
async def test_what_an_entrypoint_raises_can_be_read_in_the_room(worker: Worker, shape: str, text_mode: bool) -> None:
    if shape == "raises_after_start" and not text_mode:
        pytest.skip("its speech models raise in voice")
    async with dispatched(worker, {"text_mode": text_mode, "shape": shape}) as run:
        attributes = await run.until(lambda attributes: ERROR_ATTRIBUTE in attributes)
        assert attributes[ERROR_ATTRIBUTE] == "LookupError: no such tenant: acme"
        assert attributes[MODE_ATTRIBUTE] == ("text" if text_mode else "voice")
        # It stays until somebody has read it, and the framework gets the exception then.
        await run.remove_agent()
    await run.logged("LookupError: no such tenant: acme")


@pytest.mark.parametrize("shape", ["publishes_audio_before", "publishes_audio_after"])
async def test_an_audio_track_ends_the_job(worker: Worker, shape: str) -> None:
    async with dispatched(worker, text(shape)) as run:
        attributes = await run.refusal()
        assert attributes[ERROR_ATTRIBUTE].startswith("text mode did not hold: the audio track 'jingle'")


async def test_a_session_that_cannot_be_switched_never_starts(worker: Worker) -> None:
    async with dispatched(worker, text("will_not_be_silent")) as run:
        attributes = await run.refusal()
        assert attributes[ERROR_ATTRIBUTE].startswith("text mode did not hold: Stubborn._text_only is false")
        assert PROOF_ATTRIBUTE not in attributes
    assert worker.speech_calls == []


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"text_mode": "yes"}, "'text_mode' is \"yes\", not true or false"),
        ({"text_mode": True, "cekura": {"text_mode": False}}, "but 'cekura.text_mode' is false"),
        ({"cekura": 3}, "'cekura' is 3, not an object"),
    ],
)
async def test_metadata_that_cannot_be_understood_is_refused(
    worker: Worker, metadata: dict[str, object], said: str
) -> None:
    async with dispatched(worker, {**metadata, "shape": "plain"}) as run:
        attributes = await run.refusal()
        assert said in attributes[ERROR_ATTRIBUTE]


async def test_tools_know_the_call(worker: Worker) -> None:
    ours = {"text_mode": True, "scenario": 30, "suite": "support", "case": "30#1"}
    async with dispatched(worker, text("tools", cekura=ours, tier="gold")) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await evaluator.say("call who")
            await run.announce()
            await evaluator.hear("The result is text 30 support 30#1 gold.")


@pytest.mark.parametrize("shape", ["slow", "slow_and_firm"])
async def test_words_that_come_while_a_reply_is_made_are_answered_in_order(worker: Worker, shape: str) -> None:
    async with dispatched(worker, text(shape)) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            for words in ("one", "two", "three"):
                await evaluator.say(words)
            await run.announce()
            await evaluator.hear("You said three.")
            assert evaluator.heard == ["You said one.", "You said two.", "You said three."]


@pytest.mark.parametrize("first", ["bye", "next"], ids=["after a reply", "in the hook of a turn"])
async def test_words_that_come_while_one_agent_follows_another_are_answered(worker: Worker, first: str) -> None:
    async with dispatched(worker, text("hands_over_between_turns")) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await run.announce()
            await evaluator.say(first)
            if first == "bye":
                await evaluator.hear("You said bye.")
                # The old agent has gone by then, and the new one needs half a second.
                await asyncio.sleep(0.2)
            await evaluator.say("still there")
            await evaluator.hear("You said still there.")
            assert evaluator.heard == [f"You said {first}.", "You said still there."]


async def test_words_are_kept_though_nobody_announces_their_sender(worker: Worker) -> None:
    async with dispatched(worker, text("say_in_on_enter")) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await evaluator.say("hello")
            await evaluator.hear("You said hello.")
            assert evaluator.heard == ["Welcome.", "You said hello."]


async def test_the_hook_of_a_spoken_turn_runs(worker: Worker) -> None:
    async with dispatched(worker, text("careful")) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            for words in ("stop", "fail", "a secret"):
                await evaluator.say(words)
            await run.announce()
            await evaluator.hear("You said nothing.")
            assert evaluator.heard == ["You said nothing."]
    await run.logged("ValueError: the index is gone")


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        ("typed_turns", "You said hello."),
        ("retrieval_turns", "You said hello. [retrieved]"),
        ("eye_turns", "You said HELLO. [for the eye]"),
    ],
)
async def test_the_hook_and_the_voice_variant_can_be_turned_off(worker: Worker, shape: str, answer: str) -> None:
    async with dispatched(worker, text(shape)) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
        async with run.evaluator() as evaluator:
            await evaluator.say("hello")
            await run.announce()
            await evaluator.hear(answer)


@pytest.mark.parametrize(("shape", "asks"), [("never_away", False), ("may_be_away", True)])
async def test_a_slow_evaluator_is_not_away(worker: Worker, shape: str, asks: bool) -> None:
    async with dispatched(worker, text(shape)) as run, run.evaluator() as evaluator:
        await run.announce()
        await evaluator.hear("Welcome.")
        if asks:
            await evaluator.hear("Are you there?")
        else:
            # Nothing is to happen: there is no event to wait for but the time that it would have taken.
            await asyncio.sleep(1)
            assert evaluator.heard == ["Welcome."]


async def test_the_callers_options_are_kept_and_not_changed(worker: Worker) -> None:
    for _ in range(2):
        async with dispatched(worker, text("shared_options")) as run, run.evaluator() as evaluator:
            await run.announce()
            await evaluator.hear("close_on_disconnect is False")


async def test_a_job_that_is_no_test_is_left_alone(worker: Worker) -> None:
    """In a process whose classes a test has changed: speech models are used, and nothing of ours is to be seen."""
    async with dispatched(worker, text("plain")) as run:
        await run.until(lambda attributes: PROOF_ATTRIBUTE in attributes)
    async with dispatched(worker, {"shape": "tools_without_models", "tier": "gold"}) as run:
        attributes = await run.until(lambda attributes: "lk.agent.state" in attributes)
        assert not [name for name in attributes if name.startswith("cekura.")]
        async with run.evaluator() as evaluator:
            await run.announce()
            await run.room_knows(evaluator)
            await evaluator.say("call who")
            await evaluator.hear("The result is none.")


async def test_the_end_of_the_room_ends_an_entrypoint_that_waits(worker: Worker) -> None:
    async with dispatched(worker, text("hangs")) as run:
        await run.until(lambda attributes: MODE_ATTRIBUTE in attributes)
    await run.logged("job exiting", also=run.room)
