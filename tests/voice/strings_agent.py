"""An agent whose models are strings, as LiveKit's own examples write them: all are LiveKit Inference's."""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import silero

from cekura_agent_kit import wrap_entrypoint

server = AgentServer()


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You answer the phone at Luigi's.")

    async def on_enter(self) -> None:
        self.session.say("Welcome to Luigi's.")


@server.rtc_session(agent_name="restaurant")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession[None](
        stt="deepgram/nova-3",
        llm="openai/gpt-4.1-mini",
        tts="cartesia/sonic-3:9626c31c-bec5-4cca-baa8-f8ba9e84c8bc",
        vad=silero.VAD.load(),
    )
    await session.start(Host(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
