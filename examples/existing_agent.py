"""Smallest change to an existing agent: one import and one decorator.

    @server.rtc_session(agent_name="helper")
  + @wrap_entrypoint
    async def entrypoint(ctx: JobContext) -> None:

The order of the two decorators does not matter. The other forms:

    server.rtc_session(wrap_entrypoint(entrypoint), agent_name="helper")
    cli.run_app(WorkerOptions(entrypoint_fnc=wrap_entrypoint(entrypoint), agent_name="helper"))

A prewarm function needs no change, nor does an entrypoint that awaits `ctx.connect()` or a participant first.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai, silero

from cekura_agent_kit import wrap_entrypoint

server = AgentServer()


@server.rtc_session(agent_name="helper")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession(stt=openai.STT(), llm=openai.LLM(), tts=openai.TTS(), vad=silero.VAD.load())
    await session.start(agent=Agent(instructions="You are a friendly helper."), room=ctx.room)
    await session.generate_reply(instructions="Greet the caller.")


if __name__ == "__main__":
    cli.run_app(server)
