"""An agent on a model of which the sandbox has no stand-in: OpenAI's realtime, or LiveKit Inference speech."""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, inference
from livekit.plugins import openai

from cekura_agent_kit import wrap_entrypoint

server = AgentServer()


@server.rtc_session(agent_name="restaurant")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    if os.environ["AGENT_MODELS"] == "realtime":
        session = AgentSession[None](llm=openai.realtime.RealtimeModel())
    else:
        session = AgentSession[None](
            llm=openai.LLM(), stt=inference.STT("deepgram/nova-3"), tts=inference.TTS("cartesia/sonic-3")
        )
    await session.start(Agent(instructions="Greet the caller."), room=ctx.room)
    await session.generate_reply(instructions="Welcome the caller.")


if __name__ == "__main__":
    cli.run_app(server)
