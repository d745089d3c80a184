"""Replies in voice as the evaluator hears them: the same agent wrapped and bare, before the same evaluator, in turn.

Timed is the pause between the caller's last sound and the agent's first, in the evaluator's own ears. Speech is real (a
voice, Opus, silero's VAD, ears); the models behind it answer at once, so that nothing hides what a wrapper would add.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from cekura_agent_kit.contract import JobMetadata, Mode
from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator
from cekura_agent_kit.sandbox.channels.channel import Utterance
from cekura_agent_kit.trigger.rooms.budget import Budget
from cekura_agent_kit.trigger.rooms.service import LiveKit
from cekura_agent_kit.trigger.worker.worker import Worker

from .measure import Figure, Rounds
from .rooms import DEADLINE, EVALUATOR, ROOT, Rooms, settings_of
from .suites import BARE, write_suite

WORKER = "python -m bench.voice_agent start"
SCENARIO = 1
TURNS = 5
"""A turn takes about 4 s: it is spoken."""
GOAL = 1.1


def bench(*, short: bool) -> list[Figure]:
    """Rounds of two conversations at the same time, one wrapped and one bare, after a round that does not count."""
    with tempfile.TemporaryDirectory() as folder:
        suite = write_suite(Path(folder), scenarios=SCENARIO, turns=1 if short else TURNS, thinks=0.0)
        scenarios = suite.with_name("cekura.scenarios.yaml")
        took = asyncio.run(_rounds(scenarios, warm_up=not short, repeats=1 if short else 5))
    return [
        Figure(
            name="voice-reply",
            ours=took.median(0),
            peer=took.median(1),
            ratio=took.ratio(0, 1),
            unit="s",
            goal=f"<= {GOAL} of the same agent, unwrapped",
            met=took.ratio(0, 1) <= GOAL,
            note="as the evaluator hears it",
        )
    ]


async def _rounds(scenarios: Path, *, warm_up: bool, repeats: int) -> Rounds:
    async with Sandbox(scenarios, say=lambda _: None) as sandbox:
        settings = settings_of(sandbox.livekit)
        environment = os.environ | sandbox.environment
        async with (
            Worker(WORKER, folder=ROOT, environment=environment, agent_name="bench", concurrency=2) as worker,
            LiveKit(settings, Budget(1000)) as livekit,
        ):
            stage = Rooms(settings, livekit, worker.agent_name)
            rounds = []
            for _ in range(warm_up + repeats):
                ways = (_reply(sandbox, stage, bare=bare) for bare in (False, True))
                rounds.append(tuple(await asyncio.gather(*ways)))
    return Rounds(rounds[warm_up:])


async def _reply(sandbox: Sandbox, stage: Rooms, *, bare: bool) -> float:
    """Seconds of a reply, the median of one conversation's."""
    tested = JobMetadata(mode=Mode.VOICE, scenario=SCENARIO, suite="bench", case="1#1").to_json()
    channel = sandbox.make_voice_channel()
    async with stage.empty() as room, asyncio.timeout(DEADLINE):
        try:
            await stage.dispatch(room, metadata=json.dumps({BARE: True}) if bare else tested)
            await channel.join(stage.url, stage.token(room, EVALUATOR))
            judgement = await Evaluator(sandbox.scenarios[SCENARIO], channel).run()
        finally:
            await channel.hang_up()
    assert judgement.success, judgement.explanation
    return statistics.median(replies(channel.transcript))


def replies(transcript: Sequence[Utterance]) -> list[float]:
    """Seconds from the end of the caller's words to the beginning of the agent's, for each turn."""
    return [
        answer.start - words.end
        for words, answer in pairwise(transcript)
        if (words.speaker, answer.speaker) == ("evaluator", "agent")
    ]
