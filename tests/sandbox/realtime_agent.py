"""An agent on a model of which the sandbox has no stand-in: OpenAI's realtime."""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai

from cekura_agent_kit import wrap_entrypoint

server = AgentServer()


@server.rtc_session(agent_name="restaurant")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession[None](llm=openai.realtime.RealtimeModel())
    await session.start(Agent(instructions="Greet the caller."), room=ctx.room)
    await session.generate_reply(instructions="Welcome the caller.")


if __name__ == "__main__":
    cli.run_app(server)
