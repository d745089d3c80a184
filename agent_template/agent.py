"""Voice agent of a small clinic: gives its opening hours and books appointments."""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, RunContext, cli, function_tool
from livekit.plugins import openai, silero

from cekura_agent_kit import check, wrap_entrypoint

server = AgentServer()


def prewarm(process: JobProcess) -> None:
    """Load what every call needs, once for each process."""
    process.userdata["vad"] = silero.VAD.load()


server.setup_fnc = prewarm


class Receptionist(Agent):
    def __init__(self) -> None:
        super().__init__(
            instructions="You are the receptionist of a small clinic. Answer in one or two short sentences."
        )

    async def on_enter(self) -> None:
        self.session.say("Hello, this is the clinic. How can I help you?")

    async def on_exit(self) -> None:
        # What nobody can hear, checked in a test; in a real call `check` does nothing.
        calls = [item.name for item in self.session.history.items if item.type == "function_call"]
        booked = calls.count("book_appointment")
        check("at most one appointment is booked", booked <= 1, f"{booked} calls of book_appointment")

    @function_tool
    async def opening_hours(self, context: RunContext) -> str:
        """Return the opening hours of the clinic."""
        return "Monday to Friday, nine to five."

    @function_tool
    async def book_appointment(self, context: RunContext, day: str, time: str) -> str:
        """Book an appointment.

        Args:
            day: the day of the week.
            time: the time of the day.
        """
        # Book it in your calendar here. In a test, cekura.yaml has a double of this tool.
        return f"Booked for {day} at {time}."

    @function_tool
    async def send_reminder(self, context: RunContext) -> str:
        """Send the caller a text message with the appointment."""
        # Send it here. In a test, cekura.yaml refuses this tool.
        return "The reminder is sent."


@server.rtc_session(agent_name="my-agent")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession(
        vad=ctx.proc.userdata["vad"],
        stt=openai.STT(model="whisper-1"),
        llm=openai.LLM(model="gpt-4o-mini"),
        tts=openai.TTS(model="tts-1", response_format="wav"),
        # By default, both use a model in LiveKit's cloud.
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},
    )
    await session.start(agent=Receptionist(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
