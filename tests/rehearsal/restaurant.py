"""An agent as people write them, with a model that answers at once and by rule."""

from __future__ import annotations

import itertools
import json
from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobProcess,
    RunContext,
    function_tool,
    get_job_context,
    llm,
)

from cekura_agent_kit import current_call

server = AgentServer()
log: list[str] = []
"""Events beside the conversation, for tests to read."""

_ids = itertools.count()


class RuleModel(llm.LLM[Any]):
    """Calls the tool whose name a user's message begins with, tells what a tool returned, and echoes all else."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **options: Any) -> Any:
        from livekit.agents import DEFAULT_API_CONNECT_OPTIONS

        return _Reply(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=DEFAULT_API_CONNECT_OPTIONS)


class _Reply(llm.LLMStream):
    async def _run(self) -> None:
        model = self._llm
        assert isinstance(model, RuleModel)
        last = self._chat_ctx.items[-1]
        known = {tool.id for tool in self._tools}
        if last.type == "function_call_output":
            return self._say(f"It is {last.output}")
        said = last.text_content or "" if last.type == "message" and last.role == "user" else ""
        word, _, rest = said.partition(" ")
        if word in known:
            delta = llm.ChoiceDelta(
                role="assistant",
                tool_calls=[llm.FunctionToolCall(name=word, arguments=rest or "{}", call_id=f"call-{next(_ids)}")],
            )
            self._event_ch.send_nowait(llm.ChatChunk(id="chunk", delta=delta))
            return None
        return self._say(f"{model.name}You said {said}" if said else f"{model.name}Hello")

    def _say(self, text: str) -> None:
        for word in text.split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id="chunk", delta=delta))


class Waiter(Agent):
    """Takes over from the host."""

    def __init__(self) -> None:
        super().__init__(instructions="You are the waiter.")

    async def on_enter(self) -> None:
        self.session.say("I am your waiter.")

    @function_tool
    async def order(self, dish: str) -> str:
        """Order a dish."""
        return f"ordered: {dish}"


class Host(Agent):
    """Greets, and books."""

    def __init__(self, greeting: str = "Welcome to Luigi's.") -> None:
        super().__init__(instructions="You are the host.")
        self._greeting = greeting

    async def on_enter(self) -> None:
        self.session.say(self._greeting)

    @function_tool
    async def book(self, guests: int) -> str:
        """Book a table."""
        call = current_call()
        return f"booked for {guests}, {call.metadata.get('tier', 'plain')}" if call else "really booked"

    @function_tool
    async def fail(self) -> str:
        """Fail."""
        raise ZeroDivisionError("the diary is on fire")

    @function_tool
    async def seat(self) -> Agent:
        """Hand over to the waiter."""
        return Waiter()

    @function_tool
    async def goodbye(self, context: RunContext[Any]) -> None:
        """End the call."""
        get_job_context().shutdown("said goodbye")


def prewarm(process: JobProcess) -> None:
    log.append("prewarm")
    process.userdata["oven"] = "hot"


server.setup_fnc = prewarm


@server.rtc_session(agent_name="restaurant")
async def entrypoint(ctx: JobContext) -> None:
    metadata = json.loads(ctx.job.metadata)
    log.append(f"job {ctx.job.agent_name} {ctx.proc.userdata['oven']}")

    async def on_shutdown(reason: str) -> None:
        log.append(f"shutdown: {reason}")

    ctx.add_shutdown_callback(on_shutdown)
    session = AgentSession[None](llm=RuleModel())
    await session.start(Host(metadata.get("greeting", "Welcome to Luigi's.")), room=ctx.room)
