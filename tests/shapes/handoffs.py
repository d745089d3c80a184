"""Shapes in which one agent gives the caller to another, or to a task."""

from __future__ import annotations

from typing import Any

from livekit.agents import Agent, AgentTask, JobContext, function_tool, llm

from cekura_agent_kit import wrap_entrypoint

from .agents import Greeter, Plain, Second, new_session, shape
from .models import speech


class Historian(Plain):
    async def on_enter(self) -> None:
        words = [item.text_content for item in self.chat_ctx.items if item.type == "message" and item.role == "user"]
        self.session.say(f"You asked: {words[-1]}.")


class WithHistory(Plain):
    @function_tool
    async def transfer(self) -> Agent:
        """Hand over with what was said."""
        return Historian(chat_ctx=self.session.history)


@shape(say="call transfer", answer="You asked: call transfer.")
@wrap_entrypoint
async def handoff_with_history(ctx: JobContext) -> None:
    await new_session().start(WithHistory(), room=ctx.room)


class Third(Plain):
    async def on_enter(self) -> None:
        self.session.say("This is the third agent.")


class Passing(Plain):
    async def on_enter(self) -> None:
        self.session.update_agent(Third())


class WithPassing(Plain):
    @function_tool
    async def transfer(self) -> Agent:
        """Hand over to one that hands over."""
        return Passing()


@shape(say="call transfer", answer="This is the third agent.")
@wrap_entrypoint
async def handoff_twice(ctx: JobContext) -> None:
    await new_session().start(WithPassing(), room=ctx.room)


class Router(Plain):
    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        self.session.update_agent(Plain(**speech()))


@shape(answer="You said hello.")
@wrap_entrypoint
async def handoff_in_the_hook(ctx: JobContext) -> None:
    await new_session().start(Router(), room=ctx.room)


class Polite(Plain):
    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        return Second()

    async def on_exit(self) -> None:
        await self.session.say("I hand you over.")


@shape(say="call transfer", answer=("I hand you over.", "This is the second agent."))
@wrap_entrypoint
async def words_on_exit(ctx: JobContext) -> None:
    await new_session().start(Polite(), room=ctx.room)


class AskAge(AgentTask[int]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for the age.", **speech())

    async def on_enter(self) -> None:
        self.session.say("How old are you?")

    @function_tool
    async def age_is(self, age: int) -> None:
        """The age was said."""
        self.complete(age)


class Registrar(Plain):
    async def on_enter(self) -> None:
        age = await AskAge()
        self.session.say(f"You are {age}.")


@shape("How old are you?", say='call age_is {"age": 30}', answer="You are 30.")
@wrap_entrypoint
async def task_awaited_on_enter(ctx: JobContext) -> None:
    await new_session().start(Registrar(), room=ctx.room)


class Consent(AgentTask[bool]):
    """Asks by the model."""

    def __init__(self) -> None:
        super().__init__(instructions="Ask for consent.")

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Ask.")
        self.complete(True)


class Consenting(Greeter):
    async def on_enter(self) -> None:
        await Consent()
        self.session.say("Thank you.")


@shape("Welcome from the model.", "Thank you.")
@wrap_entrypoint
async def task_without_an_answer(ctx: JobContext) -> None:
    await new_session().start(Consenting(), room=ctx.room)


class Replaced(Plain):
    async def on_enter(self) -> None:
        raise AssertionError("this agent never enters")


@shape("Welcome.")
@wrap_entrypoint
async def agent_changed_before_the_start(ctx: JobContext) -> None:
    session = new_session()
    agents: list[Any] = [Greeter()]
    await session.start(agents.pop(), room=ctx.room)
