"""Shapes with tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import JobContext, RunContext, ToolError, function_tool, get_job_context, llm

from cekura_agent_kit import wrap_entrypoint

from .agents import Greeter, Plain, new_session, shape


class Desk(Plain):
    @function_tool
    async def slow_search(self) -> str:
        """Say a filler, then answer."""
        self.session.say("One moment.")
        return "found"

    @function_tool
    async def fail(self) -> str:
        """Fail as a tool should."""
        raise ToolError("no table is free")

    @function_tool
    async def note(self, text: str) -> str:
        """Note something."""
        return f"noted {text}"

    @function_tool
    async def quiet(self) -> None:
        """Do something of which nothing need be said."""


@shape(say="call slow_search", answer=("One moment.", "The result is found."))
@wrap_entrypoint
async def tool_with_filler(ctx: JobContext) -> None:
    await new_session().start(Desk(), room=ctx.room)


@shape(say="call fail", answer="The result is no table is free.")
@wrap_entrypoint
async def tool_error(ctx: JobContext) -> None:
    await new_session().start(Desk(), room=ctx.room)


@shape(say='call note {"text": "x"} and note {"text": "y"}', answer="The result is noted y.")
@wrap_entrypoint
async def two_tools_in_a_batch(ctx: JobContext) -> None:
    await new_session().start(Desk(), room=ctx.room)


@function_tool(
    raw_schema={"name": "price", "description": "A price.", "parameters": {"type": "object", "properties": {}}}
)
async def price(raw_arguments: dict[str, object]) -> str:
    return "ten"


@shape(say="call price", answer="The result is ten.")
@wrap_entrypoint
async def raw_tool(ctx: JobContext) -> None:
    await new_session().start(Plain(tools=[price]), room=ctx.room)


@function_tool
async def late() -> str:
    """A tool that is added later."""
    return "late"


class Learner(Plain):
    async def on_enter(self) -> None:
        await self.update_tools([*self.tools, late])
        self.session.say("Welcome.")


@shape("Welcome.", say="call late", answer="The result is late.")
@wrap_entrypoint
async def tools_changed_on_enter(ctx: JobContext) -> None:
    await new_session().start(Learner(), room=ctx.room)


class Catalogue(llm.Toolset):
    """As an MCP server gives its tools: known once it is set up."""

    def __init__(self) -> None:
        super().__init__(id="catalogue", tools=[late])


@shape(say="call late", answer="The result is late.")
@wrap_entrypoint
async def toolset(ctx: JobContext) -> None:
    await new_session().start(Plain(tools=[Catalogue()]), room=ctx.room)


@dataclass
class Order:
    dishes: int = 0


class Waiter(Plain):
    @function_tool
    async def order(self, context: RunContext[Order]) -> str:
        """Order one more."""
        context.userdata.dishes += 1
        return f"{context.userdata.dishes} dish"

    @function_tool
    async def firm(self, context: RunContext[Order]) -> str:
        """Not to be interrupted."""
        context.disallow_interruptions()
        return "done"

    @function_tool
    async def patient(self, context: RunContext[Order]) -> str:
        """Wait for the filler to be heard."""
        await self.session.say("Please hold.")
        return "held"


@shape(say="call order", answer="The result is 1 dish.")
@wrap_entrypoint
async def userdata(ctx: JobContext) -> None:
    await new_session(userdata=Order()).start(Waiter(), room=ctx.room)


@shape(say="call firm", answer="The result is done.")
@wrap_entrypoint
async def tool_that_disallows_interruptions(ctx: JobContext) -> None:
    await new_session(userdata=Order()).start(Waiter(), room=ctx.room)


@shape(say="call patient", answer=("Please hold.", "The result is held."))
@wrap_entrypoint
async def tool_that_awaits_its_words(ctx: JobContext) -> None:
    await new_session(userdata=Order()).start(Waiter(), room=ctx.room)


class Tuned(Plain):
    @function_tool
    async def tune(self) -> str:
        """Change the instructions."""
        await self.update_instructions("Answer. [tuned]")
        return "tuned"


@shape(say="call tune", answer="The result is tuned. [tuned]")
@wrap_entrypoint
async def instructions_changed_by_a_tool(ctx: JobContext) -> None:
    await new_session().start(Tuned(), room=ctx.room)


class Leaver(Greeter):
    """Says last words, awaits them, and deletes the room."""

    @function_tool
    async def hang_up(self) -> None:
        """End the call."""
        await self.session.say("Farewell my friend.")
        await get_job_context().delete_room()

    @function_tool
    async def shut_down(self, context: RunContext[Any]) -> None:
        """End the job."""
        await self.session.say("Farewell my friend.")
        get_job_context().shutdown("done")


@shape("Welcome.", say="call hang_up", answer="Farewell my friend.", ends=True)
@wrap_entrypoint
async def delete_room_by_a_tool(ctx: JobContext) -> None:
    await new_session().start(Leaver(), room=ctx.room)


@shape("Welcome.", say="call shut_down", answer="Farewell my friend.", ends=True)
@wrap_entrypoint
async def shutdown_by_a_tool(ctx: JobContext) -> None:
    await new_session().start(Leaver(), room=ctx.room)
