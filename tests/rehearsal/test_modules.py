"""Two agents of one repo whose modules have the same names: each is rehearsed with its own."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cekura_agent_kit.errors import RehearsalError
from cekura_agent_kit.rehearsal.fixture import Rehearse

AGENT = """
from livekit.agents import Agent, AgentServer, AgentSession, JobContext
from tests.rehearsal.restaurant import RuleModel
{imports}

server = AgentServer()

class Desk(Agent):
    async def on_enter(self):
        import {late}
        self.session.say(f"{{NAME}} {{{late}.NAME}}")

@server.rtc_session(agent_name="desk")
async def entrypoint(ctx: JobContext):
    await AgentSession(llm=RuleModel()).start(Desk(instructions=""), room=ctx.room)
"""


@pytest.fixture(autouse=True)
def imported() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path


def write(folder: Path, name: str, *, package: str = "", imports: str = "from desk_tools import NAME") -> Path:
    """An agent with two modules beside it; the second is imported when the call has begun."""
    beside = folder / package
    beside.mkdir(parents=True)
    top = f"{package}." if package else ""
    (beside / "desk_tools.py").write_text(f"NAME = '{name} early'")
    (beside / "desk_late.py").write_text(f"NAME = '{name} late'")
    agent = AGENT.format(imports=imports, late=f"{top}desk_late")
    (folder / "desk.py").write_text(agent)
    return folder / "desk.py"


async def greeting(rehearse: Rehearse, agent: Path) -> str:
    async with rehearse(agent) as call:
        return (await call.greeting()).text


LAYOUTS = {
    "modules beside it": {},
    "a package": {"package": "desk_package", "imports": "from desk_package.desk_tools import NAME"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("has_init", [True, False], ids=["init", "namespace"])
async def test_each_agent_has_its_own_modules(rehearse: Rehearse, tmp_path: Path, layout: str, has_init: bool) -> None:
    agents = {name: write(tmp_path / name, name, **LAYOUTS[layout]) for name in ("billing", "support")}
    if has_init and (package := LAYOUTS[layout].get("package")):
        for agent in agents.values():
            (agent.parent / package / "__init__.py").touch()
    for _ in range(2):
        for name, agent in agents.items():
            assert await greeting(rehearse, agent) == f"{name} early {name} late"


async def test_a_module_that_a_test_imported_is_the_tests_again(rehearse: Rehearse, tmp_path: Path) -> None:
    billing, support = (write(tmp_path / name, name) for name in ("billing", "support"))
    sys.path.insert(0, str(billing.parent))
    desk_tools = importlib.import_module("desk_tools")

    assert await greeting(rehearse, support) == "support early support late"
    assert sys.modules["desk_tools"] is desk_tools
    assert await greeting(rehearse, billing) == "billing early billing late"
    assert sys.modules["desk_tools"] is desk_tools


async def test_the_agents_own_modules_are_those_that_the_test_imports(rehearse: Rehearse, tmp_path: Path) -> None:
    agent = write(tmp_path / "billing", "billing")
    sys.path.insert(0, str(agent.parent))
    desk = importlib.import_module("desk")

    async with rehearse(agent) as call:
        assert isinstance(call.agent, desk.Desk)
    assert sys.modules["desk"] is desk


async def test_at_once_they_are_refused(rehearse: Rehearse, tmp_path: Path) -> None:
    billing, support = (write(tmp_path / name, name) for name in ("billing", "support"))
    async with rehearse(billing) as call:
        with pytest.raises(RehearsalError, match="both have a module 'desk'") as refused:
            await greeting(rehearse, support)
        assert "one after the other" in refused.value.hint
        assert (await call.greeting()).text == "billing early billing late"
    assert await greeting(rehearse, support) == "support early support late"


async def test_one_agent_twice_at_once(rehearse: Rehearse, tmp_path: Path) -> None:
    billing, support = (write(tmp_path / name, name) for name in ("billing", "support"))
    assert await greeting(rehearse, support) == "support early support late"
    both = await asyncio.gather(greeting(rehearse, billing), greeting(rehearse, billing))
    assert list(both) == ["billing early billing late"] * 2
    assert await greeting(rehearse, support) == "support early support late"
