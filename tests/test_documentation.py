"""Pages: their Python blocks compile, import what is public and run where they can; the reference is up to date.

The tests in docs/rehearsal.md run in `tests/rehearsal/test_plugin.py`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import re
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
import typer
from livekit.agents import AgentServer, JobContext, WorkerOptions

from cekura_agent_kit import Call, Mode, current_call, wrap_entrypoint
from cekura_agent_kit.cli import app
from cekura_agent_kit.cli.commands.schema import Schema, schema_of
from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.verdict import Kind
from tests.faults.table import FAULTS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(?P<quote>(?:> )?)```python\n(?P<code>.*?)^(?P=quote)```", re.MULTILINE | re.DOTALL)
VARIABLES = re.compile(r"[\"'](CEKURA_[A-Z_0-9]+|LIVEKIT_(?:URL|API_KEY|API_SECRET))[\"']")
PUBLIC = {f"cekura_agent_kit{part}" for part in ("", ".verdict", ".rehearsal", ".sandbox")}


def blocks_of(page: Path) -> dict[str, str]:
    """Return the page's Python blocks by the place of their first line, ``docs/python.md:45``."""
    text = page.read_text(encoding="utf-8")
    return {
        f"{page.relative_to(ROOT)}:{text[: match.start('code')].count(chr(10)) + 1}": re.sub(
            f"^{match['quote']}", "", match["code"], flags=re.MULTILINE
        )
        for match in BLOCK.finditer(text)
    }


BLOCKS = {place: code for page in PAGES for place, code in blocks_of(page).items()}


def block(page: str, words: str) -> str:
    """Return the one block of a page that contains these words."""
    (code,) = (code for place, code in BLOCKS.items() if place.startswith(f"{page}:") and words in code)
    return code


async def execute(code: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a block, awaits outside of functions included, and return its names."""
    result = eval(compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.isawaitable(result):
        await result
    return names


def test_no_block_is_overlooked() -> None:
    assert len(BLOCKS) == sum(page.read_text(encoding="utf-8").count("```python") for page in PAGES)
    assert {place.partition(":")[0] for place in BLOCKS} >= {"README.md", "docs/python.md", "docs/wrapping.md"}


@pytest.mark.parametrize("place", BLOCKS)
def test_a_block_compiles_and_its_imports_are_public(place: str) -> None:
    compile(BLOCKS[place], place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(ast.parse(BLOCKS[place])):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "a block has no package to be relative to"
            if node.module.startswith("cekura_agent_kit"):
                assert node.module in PUBLIC
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


async def entrypoint(ctx: JobContext) -> None: ...


def names_of_an_agent() -> dict[str, Any]:
    """Names that a block about wrapping expects in the agent's file."""
    return {
        "AgentServer": AgentServer,
        "JobContext": JobContext,
        "WorkerOptions": WorkerOptions,
        "current_call": current_call,
        "entrypoint": entrypoint,
        "os": os,
        "prewarm": lambda process: None,
        "server": AgentServer(),
        "wrap_entrypoint": wrap_entrypoint,
    }


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("README.md", "@wrap_entrypoint"),
        ("docs/wrapping.md", "server = AgentServer()"),
        ("docs/wrapping.md", "ctx.wait_for_participant()"),
    ],
)
async def test_a_decorated_entrypoint_is_registered(page: str, words: str) -> None:
    names = await execute(block(page, words), names_of_an_agent())
    assert repr(names["entrypoint"]).startswith("wrap_entrypoint(")
    with pytest.raises(RuntimeError, match="rtc_session"):
        names["server"].rtc_session(entrypoint)


async def test_an_entrypoint_wrapped_inline_is_registered() -> None:
    names = await execute(block("docs/wrapping.md", "server.rtc_session(wrap_entrypoint("), names_of_an_agent())
    with pytest.raises(RuntimeError, match="rtc_session"):
        names["server"].rtc_session(entrypoint)


async def test_worker_options_have_the_wrapped_entrypoint() -> None:
    started: list[Any] = []
    names = names_of_an_agent() | {"cli": SimpleNamespace(run_app=started.append)}
    await execute(block("docs/wrapping.md", "WorkerOptions("), names)
    (options,) = started
    assert repr(options.entrypoint_fnc).startswith("wrap_entrypoint(")
    assert options.agent_name == "support"


@pytest.mark.parametrize(("stage", "wrapped"), [("production", False), ("staging", True)])
async def test_the_wrapper_is_off_in_production(stage: str, wrapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", stage)
    names = await execute(block("docs/wrapping.md", "enabled="), names_of_an_agent())
    assert repr(names["entrypoint"]).startswith("wrap_entrypoint(") is wrapped


@pytest.mark.parametrize(
    ("call", "books"),
    [(None, 1), (Call(mode=Mode.TEXT), 1), (Call(mode=Mode.TEXT, signed=True), 0)],
    ids=["real call", "claim to be a test", "signed test"],
)
async def test_a_tool_acts_unless_the_test_is_signed(call: Call | None, books: int) -> None:
    calendar = AsyncMock()
    names = {"current_call": lambda: call, "calendar": calendar, "day": "Friday", "time": "19:00"}
    await execute(block("docs/wrapping.md", "calendar.book"), names)
    assert calendar.book.await_count == books


async def test_what_the_agent_can_know_of_a_test() -> None:
    code = block("docs/wrapping.md", "call.on_data_message(")
    await execute(code, {"current_call": lambda: Call(mode=Mode.TEXT), "handle": print})
    assert (await execute(code, {"current_call": current_call}))["call"] is None


@pytest.mark.server
async def test_the_sandbox_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples/restaurant", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = await execute(block("docs/sandbox.md", "Sandbox("), {})
    assert isinstance(names["sandbox"], Sandbox)
    assert names["faults"].starts["1"].lost


def test_the_first_change_finds_its_text_its_row_and_its_test() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (text,) = re.findall(r'grep -rn "([^"]+)"', page)
    for file in ("trigger/rooms/room.py", "tests/faults/table.py", "verdict/outcomes.py"):
        assert f"`{file}`" in page
    assert text in (ROOT / "cekura_agent_kit/trigger/rooms/room.py").read_text(encoding="utf-8")
    row = next(fault for fault in FAULTS if text in fault.reason)
    assert f"-k {row.what.replace(' ', '-')}" in page


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_its_command_makes(reference: ModuleType) -> None:
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")

    assert page == reference.page(), "run `python docs/reference.py docs/reference.md`"
    assert all(f"`{kind}`" in page for kind in Kind)


def test_every_command_with_its_options_is_on_it() -> None:
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    for name, command in commands.items():
        _, found, section = page.partition(f"### `cekura-kit {name}")
        assert found, name
        section = section.partition("\n##")[0]
        options = {flag for each in command.params for flag in each.opts if flag.startswith("-")} - {"-h", "--help"}
        assert [flag for flag in options if flag not in section] == [], name


@pytest.mark.parametrize("schema", Schema)
def test_every_key_and_every_value_of_the_files_is_on_it(schema: Schema) -> None:
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    whole = schema_of(schema)
    models = [whole, *whole.get("$defs", {}).values()]

    words = {word for model in models for word in (*model.get("properties", ()), *model.get("enum", ()))}
    assert len(words) > 5
    assert [word for word in words if f"`{word}`" not in page] == []


def test_every_variable_is_on_it(reference: ModuleType) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "cekura_agent_kit").rglob("*.py")]
    used = {name for source in sources for name in VARIABLES.findall(source)}

    assert used - reference.INTERNAL <= reference.VARIABLES.keys()


def test_the_readme_lists_every_command() -> None:
    rows = re.findall(r"^\| `([a-z-]+)", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    assert set(typer.main.get_command(app).commands) <= set(rows)  # type: ignore[attr-defined]


def test_every_page_can_be_found_from_the_index() -> None:
    linked = set(re.findall(r"\]\(([a-z0-9-]+\.md)", (ROOT / "docs/README.md").read_text("utf-8")))
    assert {page.name for page in PAGES} - {"README.md"} <= linked
