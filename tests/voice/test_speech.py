"""The recognizer recognizes the synthesizer's words."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from typing import Any

import numpy as np
import pytest

from cekura_agent_kit.errors import SandboxError
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.channels.pcm import RATE
from cekura_agent_kit.sandbox.channels.speech import Speech
from cekura_agent_kit.sandbox.models.rules import load_rules

from .studio import QUIET, RESTAURANT

GREETING = "Welcome to Luigi's. How can I help you?"
HOURS = "We are open from Tuesday to Sunday, from noon to ten in the evening."


def example_lines() -> list[str]:
    scenarios = load_scenarios(RESTAURANT / "cekura.scenarios.yaml").values()
    said = [step.say for scenario in scenarios for step in scenario.talk if step.say]
    rules = load_rules(RESTAURANT / "cekura.models.yaml")
    answered = [rule.say.replace("{day}", day) for rule in rules.rules if rule.say for day in ("Friday", "Monday")]
    return list(dict.fromkeys([GREETING, *said, *answered, rules.otherwise]))


def noisy(pcm: bytes, level: float = 40) -> bytes:
    samples = np.frombuffer(QUIET + pcm + QUIET, dtype=np.int16)
    noise = np.random.default_rng(1).normal(0, level, len(samples))
    return (samples + noise).clip(-32768, 32767).astype(np.int16).tobytes()


async def test_all_lines_of_the_example_are_recognized_in_noise(speech: Speech) -> None:
    lines = example_lines()
    assert len(lines) > 20
    spoken = {line: await speech.synthesize(line) for line in lines}
    heard = {line: await speech.recognize(noisy(pcm), RATE) for line, pcm in spoken.items()}
    assert heard == {line: line for line in lines}


@pytest.mark.parametrize(
    "text",
    [
        "That is $5.50 for 2 people, Mrs. O'Brien!",
        "Großmutter's café; naïve & 3%",
        "No",
        "Dr. Smith lives at 221B Baker Street (London), doesn't he? Yes: he does... I think.",
        "line one\nline two",
    ],
)
async def test_any_text_is_synthesized_and_recognized(speech: Speech, text: str) -> None:
    pcm = await speech.synthesize(text)
    assert await speech.recognize(noisy(pcm), RATE) == text.replace("\n", " ")


async def test_several_texts_in_a_row_are_recognized_together(speech: Speech) -> None:
    pcm = [await speech.synthesize(text) for text in (HOURS, GREETING)]
    assert await speech.recognize(b"".join(pcm), RATE) == f"{HOURS} {GREETING}"


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_sound_of_any_rate_is_recognized(speech: Speech, rate: int) -> None:
    from cekura_agent_kit.sandbox.channels.pcm import resampled

    pcm = resampled(await speech.synthesize(GREETING), RATE, rate)
    assert await speech.recognize(noisy(pcm), rate) == GREETING


async def test_unknown_sentences_are_not_recognized(speech: Speech) -> None:
    for line in example_lines():
        await speech.synthesize(line)
    async with Speech() as stranger:
        unknown = [
            await stranger.synthesize("The weather is rather nice in Scotland today, and I would like some mushrooms."),
            await stranger.synthesize("Hello"),
            (10_000 * np.sin(np.arange(2 * RATE) * 0.1)).astype(np.int16).tobytes(),
        ]
    assert [await speech.recognize(noisy(pcm), RATE) for pcm in unknown] == ["", "", ""]


async def test_only_complete_sentences_of_an_interrupted_text_are_recognized(speech: Speech) -> None:
    pcm = await speech.synthesize(GREETING)
    first = len(await speech.synthesize("Welcome to Luigi's.")) / len(pcm)
    assert await speech.recognize(noisy(pcm[: int(len(pcm) * (first + 0.15)) & ~1]), RATE) == "Welcome to Luigi's."


@pytest.mark.parametrize("pcm", [b"", b"\0\0", bytes(2 * RATE), bytes(40 * RATE)])
async def test_nothing_is_recognized_in_silence(speech: Speech, pcm: bytes) -> None:
    assert await speech.recognize(pcm, RATE) == ""
    await speech.synthesize(GREETING)
    assert await speech.recognize(pcm, RATE) == ""


@pytest.mark.parametrize("text", ["", " ", "...", "\0"])
async def test_a_text_without_words_is_silence(speech: Speech, text: str) -> None:
    await speech.synthesize(GREETING)
    assert await speech.recognize(await speech.synthesize(text), RATE) == ""


async def test_requests_at_the_same_time_get_their_own_answers(speech: Speech) -> None:
    lines = example_lines()[:8]

    async def both(line: str) -> str:
        return await speech.recognize(await speech.synthesize(line), RATE)

    assert await asyncio.gather(*map(both, lines)) == lines


async def test_a_cancelled_request_leaves_the_next_its_own_answer(speech: Speech) -> None:
    greeting, hours = await speech.synthesize(GREETING), await speech.synthesize(HOURS)
    assert await speech.recognize(greeting, RATE) == GREETING
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await speech.recognize(hours, RATE)
    assert await speech.recognize(greeting, RATE) == GREETING


def recognizer_of(speech: Speech) -> Any:
    return speech._recognizer


async def test_a_recognizer_that_dies_is_named_and_started_again(speech: Speech) -> None:
    pcm = await speech.synthesize(GREETING)
    await speech.recognize(pcm, RATE)
    recognizer_of(speech).kill()
    await recognizer_of(speech).wait()
    with pytest.raises(SandboxError, match=r"the sandbox's speech recognizer ended \(\w+Error\)"):
        await speech.recognize(pcm, RATE)
    assert await speech.recognize(pcm, RATE) == GREETING


async def test_nothing_is_left_running() -> None:
    async with Speech() as speech:
        await speech.recognize(await speech.synthesize(GREETING), RATE)
        pid = recognizer_of(speech).pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_error_without_the_extra_has_the_command(monkeypatch: pytest.MonkeyPatch, speech: Speech) -> None:
    found = importlib.util.find_spec
    without = lambda name: None if name == "pocketsphinx" else found(name)  # noqa: E731
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", without)
    for use in (speech.synthesize("Hello"), speech.recognize(bytes(RATE), RATE)):
        with pytest.raises(SandboxError) as raised:
            await use
        assert str(raised.value) == "speech in the sandbox needs pocketsphinx, not installed here"
        assert raised.value.hint == "pip install 'cekura-agent-kit[sandbox]'"
