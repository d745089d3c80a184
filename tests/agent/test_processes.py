"""Workers with job processes, which the entrypoint reaches pickled."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import cekura_agent_kit
from cekura_agent_kit.contract import PROOF_ATTRIBUTE
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.workers import Worker, dispatched

PACKAGE = Path(cekura_agent_kit.__file__).parent

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize("style", ["decorated", "other order", "inline", "options"])
async def test_a_test_in_a_job_process(livekit_server: LiveKitServer, tmp_path: Path, style: str) -> None:
    worker = Worker("tests.shapes.processes", livekit_server, tmp_path, environment={"SHAPES_STYLE": style})
    try:
        await asyncio.to_thread(worker.wait_until_registered)
        async with dispatched(worker, {"text_mode": True}) as run:
            await run.until(lambda attributes: attributes.get(PROOF_ATTRIBUTE) == "text-only")
            async with run.evaluator() as evaluator:
                await evaluator.say("hello")
                await run.announce()
                await evaluator.hear("You said hello.")
                assert evaluator.heard == ["Welcome.", "You said hello."]
                assert evaluator.audio_tracks == []
        await run.logged("exiting", also=run.room)
        assert worker.speech_calls == []
        # livekit-agents logs a traceback of its own where the room goes while it tells its state.
        assert f'File "{PACKAGE}' not in worker.log
    finally:
        await asyncio.to_thread(worker.stop)
