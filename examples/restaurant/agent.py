"""Voice agent that books tables of a restaurant, on LiveKit, with OpenAI's models.

    python agent.py console       talk to it in the terminal
    python agent.py dev           serve LiveKit rooms while you work on it
    python agent.py start         serve them in production

It needs OPENAI_API_KEY, and for `dev` and `start` LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. The line
`@wrap_entrypoint` makes it testable with Cekura, in text and in voice. What its tools do in a test is written in
cekura.yaml; `on_exit` checks in a test what nobody can hear.
"""

import json
import logging
import re
from collections import Counter

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, ToolError, cli, function_tool
from livekit.plugins import openai, silero

from cekura_agent_kit import check, wrap_entrypoint

logger = logging.getLogger("restaurant")

HOURS = "Tuesday to Sunday, from noon to ten in the evening; closed on Monday"
SEATS = 40
LARGEST_PARTY = 10
ADDRESS = "12 Harbour Street; the entrance is in the yard"


class Diary:
    """Booked seats by day and time. Replace it with your own booking system."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()

    def free(self, day: str, time: str) -> int:
        """Return the number of free seats."""
        return SEATS - self._taken[day.lower(), time]

    async def book(self, day: str, time: str, people: int, name: str) -> None:
        """Book the seats."""
        self._taken[day.lower(), time] += people
        logger.info("booked a table for %d on %s at %s", people, day, time)


diary = Diary()


class Host(Agent):
    """Agent that answers the phone at Luigi's."""

    def __init__(self) -> None:
        super().__init__(
            instructions=(
                "You answer the phone at Luigi's, an Italian restaurant. You take bookings and say when it is open. "
                "You speak: answer in one or two short sentences, without lists or symbols. "
                "To book a table you need the day, the time, the number of people and a name; ask for what is missing. "
                "Check that a table is free before you book it. Give times to tools as HH:MM, from 00:00 to 23:59."
            )
        )

    async def on_enter(self) -> None:
        self.session.say("Welcome to Luigi's. How can I help you?")

    async def on_exit(self) -> None:
        # What nobody can hear, checked in a test; in a real call `check` does nothing.
        found: set[tuple[str, str]] = set()
        for item in self.session.history.items:
            if item.type == "function_call" and item.name in ("check_availability", "book_table"):
                asked = json.loads(item.arguments)
                table = (asked["day"], asked["time"])
                if item.name == "check_availability":
                    found.add(table)
                else:
                    check("a table is looked up before it is booked", table in found, " ".join(table))

    @function_tool
    async def opening_hours(self) -> str:
        """Return the opening hours of the restaurant."""
        return HOURS

    @function_tool
    async def check_availability(self, day: str, time: str, people: int) -> str:
        """Check if a table is free.

        Args:
            day: the day of the week, or a date
            time: HH:MM
            people: the number of guests
        """
        require_possible(day, time, people)
        if diary.free(day, time) < people:
            return f"There is no table for {people} left on {day} at {time}."
        return f"A table for {people} is free on {day} at {time}."

    @function_tool
    async def book_table(self, day: str, time: str, people: int, name: str) -> str:
        """Book a table.

        Args:
            day: the day of the week, or a date
            time: HH:MM
            people: the number of guests
            name: the name of the guest
        """
        require_possible(day, time, people)
        if diary.free(day, time) < people:
            raise ToolError(f"there is no table for {people} left on {day} at {time}")
        await diary.book(day, time, people, name)
        return f"A table for {people} is booked on {day} at {time}, in the name of {name}."

    @function_tool
    async def text_address(self) -> str:
        """Send the guest a text message with the address of the restaurant."""
        await send_text(ADDRESS)
        return "The address is sent."


async def send_text(text: str) -> None:
    """Send a text message to the caller. Replace it with your own service."""
    logger.info("sent: %s", text)


def require_possible(day: str, time: str, people: int) -> None:
    """Raise an error that the model can correct: it asks the guest again."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time):
        raise ToolError(f"{time!r} is not a time; give it as HH:MM")
    if day.lower() == "monday" or not "12:00" <= time < "22:00":
        raise ToolError(f"closed then; open {HOURS}")
    if not 1 <= people <= LARGEST_PARTY:
        raise ToolError(f"a table seats 1 to {LARGEST_PARTY}; larger parties write to events@luigis.example")


def prewarm(process: JobProcess) -> None:
    """Load what every call needs, before the first call."""
    process.userdata["vad"] = silero.VAD.load()


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session(agent_name="restaurant")
@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession(
        stt=openai.STT(model="whisper-1"),
        llm=openai.LLM(model="gpt-4.1-mini"),
        tts=openai.TTS(model="tts-1", voice="nova", response_format="wav"),
        vad=ctx.proc.userdata["vad"],
        # By default, both use a model in LiveKit's cloud.
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},
    )
    await session.start(agent=Host(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
