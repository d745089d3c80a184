"""A worker whose agent ends its call as many do: a tool says the last words, awaits them, and deletes the room."""

from __future__ import annotations

import json
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobExecutorType, cli, function_tool
from livekit.agents.job import get_job_context
from livekit.plugins import openai, silero
from livekit.rtc._ffi_client import FfiClient

from cekura_agent_kit import wrap_entrypoint
from tests.shapes.models import InstantLLM

# See worker.py.
_ = FfiClient.instance

server = AgentServer(job_executor_type=JobExecutorType.THREAD, num_idle_processes=4, load_fnc=lambda *_: 0.0)


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="")

    async def on_enter(self) -> None:
        self.session.say("Welcome.")

    @function_tool
    async def hang_up(self) -> None:
        """End the call."""
        ctx = get_job_context()
        await self.session.say("Farewell my friend.")
        await ctx.delete_room()


@server.rtc_session(agent_name="farewell")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM())
    if json.loads(ctx.job.metadata).get("text_mode") is not True:
        session = AgentSession(
            stt=openai.STT(model="whisper-1"),
            llm=InstantLLM(),
            tts=openai.TTS(model="tts-1", response_format="pcm"),
            vad=silero.VAD.load(),
            turn_detection="vad",
        )
    await session.start(Desk(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
