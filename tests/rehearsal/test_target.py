"""The agent that a target names: objects, files, names in files, and everything that is none or several."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from livekit.agents import AgentServer, JobContext, WorkerOptions

from cekura_agent_kit import wrap_entrypoint
from cekura_agent_kit.errors import TargetError
from cekura_agent_kit.worker.target import Target, find_target

Write = Callable[..., Path]

HEAD = """
from livekit.agents import AgentServer, JobContext, JobProcess, WorkerOptions, cli
"""
ENTRYPOINT = """
async def entrypoint(ctx: JobContext):
    pass
"""
SERVER = """
server = AgentServer()

@server.rtc_session(agent_name="desk")
async def entrypoint(ctx: JobContext):
    pass
"""
PREWARM = """
def prewarm(process: JobProcess):
    pass
"""


@pytest.fixture(autouse=True)
def imported() -> Iterator[None]:
    """Forget what a test imported."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*parts: str, to: str = "desk_agent.py") -> Path:
        file = tmp_path / to
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(map(textwrap.dedent, parts)))
        return file

    return write


def find(target: object) -> Target:
    return find_target(target, folders=[Path.cwd()])


def refused(target: object) -> TargetError:
    with pytest.raises(TargetError) as raised:
        find(target)
    return raised.value


async def an_entrypoint(ctx: JobContext) -> None: ...


def test_a_server_of_a_file(write: Write) -> None:
    file = write(HEAD, SERVER)
    target = find(file)
    assert isinstance(target.server, AgentServer)
    assert (target.entrypoint.__name__, target.file) == ("entrypoint", file)
    assert target.place == "desk_agent.py:6 entrypoint"
    assert find(f"{file}:server").server is target.server
    assert find(f"{file}:entrypoint").server is target.server


def test_options_of_a_file(write: Write) -> None:
    file = write(HEAD, ENTRYPOINT, PREWARM, "options = WorkerOptions(entrypoint, prewarm_fnc=prewarm)")
    for name in ("", ":options", ":entrypoint"):
        server = find(f"{file}{name}").server
        assert server is not None
        assert getattr(server.setup_fnc, "__name__", "") == "prewarm"
        assert server is find(file).server


def test_the_one_entrypoint_of_a_file(write: Write) -> None:
    file = write(HEAD, ENTRYPOINT, "async def helper(text: str): pass")
    target = find(file)
    assert (target.entrypoint.__name__, target.server, target.note) == ("entrypoint", None, "")


@pytest.mark.parametrize("annotation", ["JobContext", "'JobContext'", "agents.JobContext", "'agents.JobContext'"])
def test_an_entrypoint_is_known_by_what_it_accepts(write: Write, annotation: str) -> None:
    file = write(HEAD, "from livekit import agents\n", f"async def serve(job: {annotation}): pass")
    assert find(file).entrypoint.__name__ == "serve"


def test_an_entrypoint_that_was_wrapped_is_known(write: Write) -> None:
    file = write("from cekura_agent_kit import wrap_entrypoint\n", "@wrap_entrypoint\nasync def serve(job): pass")
    target = find(file)
    assert target.is_wrapped
    assert target.place == "desk_agent.py:2 serve"


@pytest.mark.parametrize(
    ("parts", "says", "hint"),
    [
        (["x = 1"], "has no AgentServer", "defines an AgentServer, WorkerOptions or an entrypoint"),
        ([HEAD, SERVER, "other = AgentServer()"], "has 2 AgentServers", ':server" or "'),
        (
            [HEAD, ENTRYPOINT, "one = WorkerOptions(entrypoint)\ntwo = WorkerOptions(entrypoint)"],
            "has 2 WorkerOptions",
            ':one" or "',
        ),
        (
            [HEAD, ENTRYPOINT, "async def second(ctx: JobContext): pass"],
            "has 2 entrypoints and no AgentServer",
            ':entrypoint" or "',
        ),
    ],
)
def test_a_choice_is_never_made_in_silence(write: Write, parts: list[str], says: str, hint: str) -> None:
    error = refused(write(*parts))
    assert says in str(error)
    assert hint in error.hint


def test_two_servers_of_one_entrypoint_are_a_choice(write: Write) -> None:
    file = write(HEAD, SERVER, "other = AgentServer()\nother.rtc_session(entrypoint)")
    assert "is the entrypoint of 2 AgentServers" in str(refused(f"{file}:entrypoint"))


SCRIPT = """
if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, {options}agent_name="desk"))
"""


def test_options_that_only_a_script_makes(write: Write) -> None:
    file = write(HEAD, ENTRYPOINT, PREWARM, SCRIPT.format(options="prewarm_fnc=prewarm, "))
    error = refused(file)
    assert "the WorkerOptions of line 11 are made only when it is run as a script" in str(error)
    assert "assign them to a name of the module" in error.hint
    assert "prewarm_fnc" in error.hint
    assert f'"{file}:entrypoint"' in error.hint
    note = find(f"{file}:entrypoint").note
    assert note.startswith("prewarm_fnc of the WorkerOptions at desk_agent.py:11 does not run")


def test_options_that_only_a_script_makes_and_that_hold_nothing_else(write: Write) -> None:
    file = write(HEAD, ENTRYPOINT, SCRIPT.format(options=""))
    assert find(file).entrypoint.__name__ == "entrypoint"


def test_a_worker_that_starts_at_import_is_refused(write: Write) -> None:
    file = write(HEAD, SERVER, "cli.run_app(server)\n")
    error = refused(file)
    assert "starts a worker when it is imported: run_app is called at desk_agent.py:9" in str(error)
    assert "__main__" in error.hint


def test_a_module_that_exits_at_import_is_refused(write: Write) -> None:
    file = write("import sys\n", "def stop():\n    sys.exit('no key')\n", "stop()")
    assert "exits when it is imported, with 'no key', at desk_agent.py:3" in str(refused(file))


def test_a_module_that_raises_shows_its_own_line_first(write: Write) -> None:
    file = write("import os\n", "1 / 0")
    with pytest.raises(ZeroDivisionError) as raised:
        find(file)
    own = [entry for entry in raised.traceback if "desk_agent" in str(entry.path)]
    assert [entry.lineno + 1 for entry in own] == [2]


def test_a_module_that_raised_is_imported_again_with_its_siblings(write: Write) -> None:
    sibling = write("VALUE = 1", to="desk_values.py")
    file = write(HEAD, SERVER, "import desk_values\nif desk_values.VALUE == 1: raise ValueError")
    with pytest.raises(ValueError):  # noqa: PT011
        find(file)
    sibling.write_text("VALUE = 222")
    assert find(file).server


class Everything:
    """Answers whatever it is asked, as mocks and lazy modules do."""

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            raise AttributeError(name)
        return Everything()


class Raising(ModuleType):
    """Raises whatever it is asked, as a lazy module without its dependency does."""

    def __getattr__(self, name: str) -> Any:
        raise ImportError(name)


def test_strange_values_of_a_file_are_left_alone(write: Write) -> None:
    file = write(
        "import inspect, asyncio, unittest.mock\n",
        HEAD,
        "from tests.rehearsal.test_target import Everything, Raising\n",
        "everything, raising, mock = Everything(), Raising('raising'), unittest.mock.MagicMock()\n",
        "mocked = unittest.mock.AsyncMock()\nloop = object\ncoroutine = lambda: None\n",
        ENTRYPOINT,
    )
    assert find(file).entrypoint.__name__ == "entrypoint"
    # Modules pass for coroutine functions since Python 3.12: `inspect` has the marker that it looks for.
    assert "has no 'absent'" in str(refused(f"{file}:absent"))
    for name in ("inspect", "everything", "raising"):
        assert f"{file}:{name} is not an agent" in str(refused(f"{file}:{name}"))


@pytest.mark.parametrize(
    "value", [42, None, JobContext, sys, AgentServer()], ids=["number", "none", "class", "module", "bare server"]
)
def test_values_that_are_no_agent(value: object) -> None:
    assert "server" in refused(value).hint.lower()


def test_a_plain_function_is_not_an_entrypoint(write: Write) -> None:
    file = write(HEAD, SERVER, PREWARM)
    error = refused(f"{file}:prewarm")
    assert "is not an entrypoint: it is not async (desk_agent.py:10 prewarm)" in str(error)


def test_a_decorator_that_is_not_async_is_accepted(write: Write) -> None:
    file = write(HEAD, "def logged(function):\n    return lambda ctx: function(ctx)\n", "@logged", ENTRYPOINT)
    assert find(f"{file}:entrypoint").server is None


def test_objects() -> None:
    server = AgentServer()
    server.rtc_session(an_entrypoint)
    assert find(server).server is server
    assert find(an_entrypoint).entrypoint is an_entrypoint
    assert not find(an_entrypoint).is_wrapped
    assert find(wrap_entrypoint(an_entrypoint)).is_wrapped
    options = WorkerOptions(an_entrypoint)
    assert find(options).server is find(options).server


# Where a file is imported from.


def test_a_src_layout(write: Write) -> None:
    write("", to="src/desk/__init__.py")
    write("NAME = 'desk'", to="src/desk/names.py")
    file = write(HEAD, SERVER, "from desk.names import NAME\nfrom .names import NAME as same\n", to="src/desk/main.py")
    target = find(file)
    assert target.entrypoint.__module__ == "desk.main"


def test_the_package_above_is_imported_first(write: Write) -> None:
    write("from .main import server\nREADY = True", to="parcel/__init__.py")
    file = write(HEAD, SERVER, "from .other import VALUE", to="parcel/main.py")
    write("VALUE = 1", to="parcel/other.py")
    assert find(file).server is sys.modules["parcel"].server


@pytest.mark.parametrize(
    "line",
    ["from .names import NAME", "from desk_ns.names import NAME", "import desk_ns.names", "from desk_ns import names"],
)
def test_a_package_without_an_init_file(write: Write, line: str) -> None:
    write("NAME = 'desk'", to="src/desk_ns/names.py")
    file = write(HEAD, SERVER, line, to="src/desk_ns/main.py")
    assert find(file).entrypoint.__module__ == "desk_ns.main"


def test_relative_imports_of_a_folder_above(write: Write) -> None:
    write("NAME = 'desk'", to="app_ns/common/names.py")
    file = write(HEAD, SERVER, "from ..common.names import NAME", to="app_ns/agents/main.py")
    assert find(file).entrypoint.__module__ == "app_ns.agents.main"


def test_a_folder_that_has_the_name_of_a_library_is_not_its_package(write: Write) -> None:
    file = write("import yaml\nfrom livekit.agents import llm\n", HEAD, SERVER, to="livekit/desk_main.py")
    write("", to="livekit/agents/readme.py")
    assert find(file).entrypoint.__module__ == "desk_main"


def test_a_file_beside_others_is_imported_as_a_script_would(write: Write) -> None:
    write("NAME = 'desk'", to="names_beside.py")
    file = write(HEAD, SERVER, "from names_beside import NAME")
    assert find(file).entrypoint.__module__ == "desk_agent"


def test_a_file_that_is_not_python(write: Write) -> None:
    assert "is not a Python file" in str(refused(write("hello", to="agent.txt")))
