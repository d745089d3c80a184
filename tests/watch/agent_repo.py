"""A repo with a small agent, its tools in a module of their own, and scenarios; its models are rules."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from cekura_agent_kit.watch.subject import Subject

AGENT = """
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, function_tool
from tools import hours

server = AgentServer()


class Host(Agent):
    @function_tool
    async def opening_hours(self) -> str:
        return hours()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    await AgentSession().start(agent=Host(instructions="Say when it is open."), room=ctx.room)
"""
TOOLS = """
from pathlib import Path


def hours() -> str:
    print("hours were asked")
    return Path(__file__).with_name("hours.txt").read_text()
"""
SCENARIOS = """
1:
  name: Asks
  talk: [{say: "When are you open?", hear: from noon}]
2:
  name: Greets
  talk: [{say: Hello, hear: hello to you}]
"""
RULES = r"""
rules:
  - user: when are you open
    call: opening_hours
  - tool: opening_hours
    result: (?P<all>.*)
    say: "We are open {all}."
  - user: hello
    say: Hello to you.
otherwise: Sorry?
"""


def made_in(folder: Path, **texts: str) -> Subject:
    """Write the files, some of them with other texts, and return what is rehearsed."""
    files = {"agent.py": AGENT, "tools.py": TOOLS, "hours.txt": "from noon to ten"}
    files |= {"cekura.scenarios.yaml": SCENARIOS, "cekura.models.yaml": RULES}
    for name, text in (files | {f"{name}.py": text for name, text in texts.items()}).items():
        (folder / name).write_text(dedent(text))
    return Subject.find(str(folder / "agent.py"), None, suite=None, llm="")


def save(file: Path, text: str) -> None:
    """Replace a file in one step, as editors do: nothing sees it half written."""
    other = file.with_name(f"{file.name}~")
    other.write_text(text)
    other.replace(file)
