"""Twelve repos of different forms, written after public ones, and the diff that each of their agents needs.

`+` and `-` lines of the diff alone, without its headers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

_REQUIREMENTS = "livekit-agents\nlivekit-plugins-openai\nlivekit-plugins-silero\n"


@dataclass(frozen=True)
class Repo:
    """One repo.

    Attributes:
        files: texts by relative path.
        diff: lines that the agent's files lose and get.
        tools: names of the tools that have scenarios.
        options: of the command.
        says: in the command's last words.
    """

    files: dict[str, str]
    diff: list[str]
    tools: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)


def _text(text: str) -> str:
    return dedent(text).lstrip("\n")


_IMPORT = "+from cekura_agent_kit import wrap_entrypoint"
_DECORATOR = "+@wrap_entrypoint"

REPOS: dict[str, Repo] = {
    "server": Repo(
        {
            "agent.py": _text('''
                import logging

                from dotenv import load_dotenv
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext, RunContext, cli, function_tool
                from livekit.plugins import openai

                load_dotenv(".env.local")
                logger = logging.getLogger("agent")


                class Assistant(Agent):
                    def __init__(self) -> None:
                        super().__init__(instructions="You are a helpful voice assistant.")

                    async def on_enter(self) -> None:
                        await self.session.generate_reply(instructions="Greet the user and offer help.")

                    @function_tool
                    async def lookup_weather(self, context: RunContext, location: str) -> str:
                        """Look up the weather.

                        Args:
                            location: the place.
                        """
                        raise RuntimeError("the real weather service was asked")


                server = AgentServer()


                @server.rtc_session(agent_name="assistant")
                async def my_agent(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM(model="gpt-4o-mini"))
                    await session.start(agent=Assistant(), room=ctx.room)


                if __name__ == "__main__":
                    cli.run_app(server)
            '''),
            "requirements.txt": _REQUIREMENTS + "python-dotenv\n",
        },
        [_IMPORT, _DECORATOR],
        ["lookup_weather"],
        says=["add the line `cekura-agent-kit` to requirements.txt"],
    ),
    "worker-options": Repo(
        {
            "main.py": _text("""
                from livekit import agents
                from livekit.agents import Agent, AgentSession
                from livekit.plugins import openai


                async def entrypoint(ctx: agents.JobContext):
                    await ctx.connect()
                    session = AgentSession(llm=openai.LLM())
                    await session.start(room=ctx.room, agent=Agent(instructions="You are a helpful assistant."))
                    await session.generate_reply(instructions="Say hello.")


                if __name__ == "__main__":
                    agents.cli.run_app(agents.WorkerOptions(entrypoint_fnc=entrypoint))
            """),
            "requirements.txt": _REQUIREMENTS,
        },
        [_IMPORT, _DECORATOR],
    ),
    "guarded-main": Repo(
        {
            "agent.py": _text('''
                """A receptionist."""

                from livekit.agents import Agent, AgentSession, JobContext, JobProcess, WorkerOptions, cli
                from livekit.agents import function_tool
                from livekit.plugins import openai, silero

                GREETING = "Good day, this is the front desk of the hotel. What can I do for you?"


                def prewarm(proc: JobProcess):
                    proc.userdata["vad"] = silero.VAD.load()


                @function_tool
                async def wake_up_call(hour: int, minute: int = 0) -> str:
                    """Order a call."""
                    raise RuntimeError("a real call was ordered")


                async def entrypoint(ctx: JobContext):
                    agent = Agent(instructions="You are at the front desk.", tools=[wake_up_call])
                    session = AgentSession(llm=openai.LLM(), vad=ctx.proc.userdata["vad"])
                    await session.start(agent, room=ctx.room)
                    await session.say(GREETING)


                if __name__ == "__main__":
                    cli.run_app(
                        WorkerOptions(
                            entrypoint_fnc=entrypoint,
                            prewarm_fnc=prewarm,
                        )
                    )
            '''),
            "requirements.txt": _REQUIREMENTS,
        },
        [
            _IMPORT,
            _DECORATOR,
            "+options = WorkerOptions(",
            "+    entrypoint_fnc=entrypoint,",
            "+    prewarm_fnc=prewarm,",
            "+)",
            "+",
            "+",
            "-        WorkerOptions(",
            "-            entrypoint_fnc=entrypoint,",
            "-            prewarm_fnc=prewarm,",
            "-        )",
            "+        options",
        ],
        ["wake_up_call"],
    ),
    "src-layout": Repo(
        {
            "src/front_desk/__init__.py": "",
            "src/front_desk/tools.py": _text('''
                from livekit.agents import function_tool


                @function_tool
                async def find_guest(name: str, *, floor: int) -> str:
                    """Find a guest."""
                    raise RuntimeError("a real guest was sought")
            '''),
            "src/front_desk/agent.py": _text("""
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
                from livekit.plugins import openai

                from front_desk.tools import find_guest

                server = AgentServer()


                class Desk(Agent):
                    def __init__(self) -> None:
                        super().__init__(instructions="You are at the desk.", tools=[find_guest])


                @server.rtc_session()
                async def entrypoint(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Desk(), room=ctx.room)


                if __name__ == "__main__":
                    cli.run_app(server)
            """),
            "pyproject.toml": _text("""
                [project]
                name = "front-desk"
                version = "1.0"
                requires-python = ">=3.11"
                dependencies = ["livekit-agents", "livekit-plugins-openai"]

                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
            """),
            "uv.lock": "version = 1\n",
        },
        [_IMPORT, _DECORATOR],
        ["find_guest"],
        says=["uv add cekura-agent-kit"],
    ),
    "several": Repo(
        {
            "agents/sales.py": _text("""
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext
                from livekit.plugins import openai

                server = AgentServer()


                @server.rtc_session(agent_name="sales")
                async def sales(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Sell."), room=ctx.room)
            """),
            "agents/support.py": _text("""
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext
                from livekit.plugins import openai

                server = AgentServer()


                @server.rtc_session(agent_name="support")
                async def support(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Help."), room=ctx.room)
                    session.say(f"Support desk, {ctx.room.name} is your ticket.")
            """),
            "requirements.txt": _REQUIREMENTS,
        },
        [_IMPORT, _DECORATOR],
        options=["--agent", "agents/support.py"],
    ),
    "two-in-a-file": Repo(
        {
            "app.py": _text("""
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext
                from livekit.plugins import openai

                day, night = AgentServer(), AgentServer()


                @day.rtc_session(agent_name="day")
                async def by_day(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Day."), room=ctx.room)


                @night.rtc_session(agent_name="night")
                async def by_night(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Night."), room=ctx.room)
            """),
            "requirements.txt": _REQUIREMENTS,
        },
        [_IMPORT, _DECORATOR],
        options=["--agent", "app.py:by_night"],
    ),
    "elsewhere": Repo(
        {
            "worker.py": _text("""
                from livekit.agents import WorkerOptions, cli

                from assistant.session import entrypoint

                if __name__ == "__main__":
                    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, agent_name="assistant"))
            """),
            "assistant/session.py": _text("""
                from __future__ import annotations

                from livekit.agents import Agent, AgentSession, JobContext
                from livekit.plugins import openai


                async def entrypoint(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Help."), room=ctx.room)
            """),
            "requirements.txt": _REQUIREMENTS,
        },
        [
            _IMPORT,
            _DECORATOR,
            '+options = WorkerOptions(entrypoint_fnc=entrypoint, agent_name="assistant")',
            "+",
            "+",
            '-    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, agent_name="assistant"))',
            "+    cli.run_app(options)",
        ],
    ),
    "handoff": Repo(
        {
            "agent.py": _text('''
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext, RunContext, function_tool
                from livekit.plugins import openai

                server = AgentServer()


                class Billing(Agent):
                    def __init__(self) -> None:
                        super().__init__(instructions="You are in billing.")

                    @function_tool
                    async def refund(self, amount: float) -> str:
                        """Refund."""
                        raise RuntimeError("real money was sent")


                class Greeter(Agent):
                    def __init__(self) -> None:
                        super().__init__(instructions="You greet.")

                    async def on_enter(self) -> None:
                        self.session.generate_reply()

                    @function_tool(name="transfer_to_billing")
                    async def to_billing(self, context: RunContext):
                        """Transfer to billing."""
                        return Billing(), "One moment."


                @server.rtc_session(agent_name="phone")
                async def entrypoint(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Greeter(), room=ctx.room)
            '''),
            "requirements.txt": _REQUIREMENTS,
        },
        [_IMPORT, _DECORATOR],
        ["transfer_to_billing"],
    ),
    "inline": Repo(
        {
            "agent.py": _text("""
                import functools
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext
                from livekit.plugins import openai

                server = AgentServer()


                async def answer(instructions: str, ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions=instructions), room=ctx.room)


                server.rtc_session(functools.partial(answer, "Sois très gentil."), agent_name="kind")
            """),
            "requirements.txt": _REQUIREMENTS,
        },
        [
            _IMPORT,
            '-server.rtc_session(functools.partial(answer, "Sois très gentil."), agent_name="kind")',
            '+server.rtc_session(wrap_entrypoint(functools.partial(answer, "Sois très gentil.")), agent_name="kind")',
        ],
    ),
    "wrapped": Repo(
        {
            "agent.py": _text("""
                from cekura_agent_kit import wrap_entrypoint
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext
                from livekit.plugins import openai

                server = AgentServer()


                @server.rtc_session(agent_name="ready")
                @wrap_entrypoint
                async def entrypoint(ctx: JobContext) -> None:
                    session = AgentSession(llm=openai.LLM())
                    await session.start(agent=Agent(instructions="Help."), room=ctx.room)
            """),
            "Makefile": "test:\n\t@echo mine\n",
            "requirements.txt": _REQUIREMENTS,
        },
        [],
        says=["was wrapped already", "make -f cekura.mk test"],
    ),
    "strings": Repo(
        {
            "agent.py": _text('''
                from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, function_tool, inference
                from typing import Literal

                server = AgentServer()


                class Shop(Agent):
                    def __init__(self) -> None:
                        super().__init__(instructions="You sell tea.")

                    async def on_enter(self) -> None:
                        self.session.say("Welcome to the tea house (since 1820), what would you like?")

                    @function_tool()
                    async def order(self, size: Literal["small", "large"], cups: int, note: str | None = None) -> str:
                        """Order tea."""
                        raise RuntimeError("real tea was ordered")

                    @function_tool()
                    async def order_cake(self) -> str:
                        """Order cake."""
                        raise RuntimeError("a real cake was ordered")


                @server.rtc_session(agent_name="shop")
                async def entrypoint(ctx: JobContext) -> None:
                    session = AgentSession(
                        stt="deepgram/nova-3", llm="openai/gpt-4.1-mini", tts="cartesia/sonic-3"
                    )
                    await session.start(agent=Shop(), room=ctx.room)


                if __name__ == "__main__":
                    cli.run_app(server)
            '''),
            "scenarios.yaml": _text("""
                name: Tea
                scenarios:
                  - label: Orders tea
                    instructions: You want tea.
                    agent_expectations: Tea is ordered.
            """),
        },
        [_IMPORT, _DECORATOR],
        ["order", "order_cake"],
        says=["scenarios.yaml is for LiveKit's simulator", "install `cekura-agent-kit` where the agent is installed"],
    ),
    "no-agent": Repo(
        {"notes/helper.py": "def help_me() -> int:\n    return 1\n", ".gitignore": "*.log\n"},
        [],
        says=["make demo"],
    ),
}


def lay(repo: Repo, folder: Path) -> None:
    """Write a repo's files into a folder."""
    for name, text in repo.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
