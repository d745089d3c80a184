"""Tools in a signed test: doubles, refusals and fakes, for every form of tool, in a room in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, AgentTask, JobContext, RunContext, function_tool, llm, mock_tools
from livekit.agents.beta.tools import EndCallTool
from livekit.agents.beta.toolsets import ToolProxyToolset

from cekura_agent_kit import wrap_entrypoint
from cekura_agent_kit.errors import RehearsalError
from cekura_agent_kit.rehearsal.fixture import Rehearse
from tests.shapes.models import InstantLLM

RAN: list[str] = []
"""Real tools that ran."""
MAY_RUN: set[str] = set()
"""Real tools that may run, if any are named; another one raises."""


@pytest.fixture(autouse=True)
def none_ran() -> None:
    RAN.clear()
    MAY_RUN.clear()


def ran(name: str, **arguments: Any) -> str:
    RAN.append(name)
    if MAY_RUN and name not in MAY_RUN:
        raise RuntimeError(f"{name} must not run in this test")
    return f"really {name}"


@function_tool
async def alone(item: str = "") -> str:
    """Buy."""
    return ran("alone")


@function_tool(raw_schema={"name": "raw", "description": "Buy.", "parameters": {"type": "object", "properties": {}}})
async def raw(raw_arguments: dict[str, object]) -> str:
    return ran("raw")


@function_tool
async def in_set() -> str:
    """Buy."""
    return ran("in_set")


@function_tool
async def added() -> str:
    """Buy."""
    return ran("added")


@function_tool
async def behind() -> str:
    """Buy."""
    return ran("behind")


def of_mcp() -> Any:
    """A tool as livekit-agents makes it of one that an MCP server lists."""

    async def _tool_called(raw_arguments: dict[str, Any]) -> str:
        return ran("of_mcp")

    _tool_called.__module__ = "livekit.agents.llm.mcp"
    return function_tool(_tool_called, raw_schema={"name": "of_mcp", "description": "Buy.", "parameters": {}})


class Vendor(llm.ProviderTool):
    """A tool that the model's vendor runs."""

    def __init__(self) -> None:
        super().__init__(id="web_search")


class Buyer(Agent):
    def __init__(self) -> None:
        tools = [alone, raw, llm.Toolset(id="set", tools=[in_set]), of_mcp(), Vendor()]
        super().__init__(
            instructions="",
            tools=[*tools, ToolProxyToolset(id="proxy", tools=[behind]), EndCallTool(delete_room=False)],
        )

    @function_tool
    async def method(self, item: str = "", amount: int = 1) -> str:
        """Buy."""
        return ran("method")

    @function_tool
    async def ask(self) -> str:
        """Ask."""
        return await Question()

    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        RAN.append("transfer")
        return Second()


class Second(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="")

    @function_tool
    async def of_second(self) -> str:
        """Buy."""
        return ran("of_second")


class Question(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="")

    async def on_enter(self) -> None:
        self.session.say("What?")

    @function_tool
    async def of_task(self) -> str:
        """Buy."""
        return ran("of_task")


GIVEN: list[list[str]] = []
"""Names of the tools that the model was given, for each of its answers."""


class Model(InstantLLM):
    def chat(self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = None, **kwargs: Any) -> Any:
        GIVEN.append([tool.id for tool in tools or []])
        return super().chat(chat_ctx=chat_ctx, tools=tools, **kwargs)


@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    agent = Buyer()
    session: AgentSession[Any] = AgentSession(llm=Model())
    await session.start(agent, room=ctx.room)
    await agent.update_tools([*agent.tools, added])


FORMS = {
    "function": ("call alone", "alone"),
    "method": ("call method", "method"),
    "raw": ("call raw", "raw"),
    "toolset": ("call in_set", "in_set"),
    "MCP": ("call of_mcp", "of_mcp"),
    "added later": ("call added", "added"),
    "behind call_tool": ('call call_tool {"name": "behind", "parameters": {}}', "behind"),
    "of a task": ("call of_task", "of_task"),
    "after a handoff": ("call of_second", "of_second"),
}


async def called(call: Any, form: str) -> Any:
    if form == "of a task":
        await call.say("call ask")
    elif form == "after a handoff":
        await call.say("call transfer")
        RAN.clear()
    turn = await call.say(FORMS[form][0])
    return turn.tool_calls[-1]


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_tool_does_what_the_test_wants(rehearse: Rehearse, form: str) -> None:
    name = FORMS[form][1]
    ways = {"ask": "run", "transfer": "run"}
    behaviours: dict[str, Any] = {
        "returns": ({"returns": "a double"}, "a double", False),
        "raises": ({"raises": "no stock"}, "no stock", True),
        "refuse": ("refuse", f"{name} is not available in a test", True),
        "run": ("run", f"really {name}", False),
        "others": (None, f"{name} is not available in a test", True),
    }
    for word, (behaviour, output, is_error) in behaviours.items():
        MAY_RUN.clear()
        MAY_RUN.update({name} if word == "run" else {"none"})
        tools = ways | {"*": "refuse"} | ({name: behaviour} if behaviour else {})
        async with rehearse(entrypoint, tools=tools) as call:
            done = await called(call, form)
        assert (done.output, done.is_error) == (output, is_error), word
        assert ([name] if word == "run" else []) == RAN, word
        RAN.clear()


async def test_without_doubles_every_tool_really_runs(rehearse: Rehearse) -> None:
    async with rehearse(entrypoint) as call:
        for form in FORMS:
            if form not in ("of a task", "after a handoff"):
                await called(call, form)
    assert len(RAN) == len(FORMS) - 2
    assert "web_search" in GIVEN[-1]


async def test_tools_that_a_vendor_runs_are_removed_from_a_test_with_doubles(rehearse: Rehearse) -> None:
    async with rehearse(entrypoint, tools={"alone": "refuse"}) as call:
        await call.say("hello")
    assert "alone" in GIVEN[-1]
    assert "web_search" not in GIVEN[-1]


async def test_a_double_answers_with_the_arguments_of_the_call(rehearse: Rehearse) -> None:
    double = {"returns": {"said": "{amount} of {item}", "left": 3, "more": ["{nothing}"]}}
    async with rehearse(entrypoint, tools={"method": double}) as call:
        (done,) = (await call.say('call method {"item": "tea", "amount": 2}')).tool_calls
    assert "'said': '2 of tea'" in done.output
    assert "'left': 3" in done.output
    assert "{nothing}" in done.output


async def test_a_list_is_one_answer_a_call_and_when_chooses_among_them(rehearse: Rehearse) -> None:
    double = [
        {"when": {"item": "tea"}, "returns": "tea"},
        {"returns": "first"},
        {"raises": "second"},
    ]
    said = ['{"item": "milk"}', '{"item": "tea"}', "{}", '{"item": "tea"}', "{}"]
    outputs = []
    async with rehearse(entrypoint, tools={"method": double}) as call:
        for arguments in said:
            outputs.append((await call.say(f"call method {arguments}")).tool_calls[0].output)
    assert outputs == ["first", "tea", "second", "tea", "second"]


async def test_a_call_that_no_answer_fits_is_an_error(rehearse: Rehearse) -> None:
    async with rehearse(entrypoint, tools={"method": {"when": {"item": "tea"}, "returns": "tea"}}) as call:
        (done,) = (await call.say('call method {"item": "milk"}')).tool_calls
    assert (done.is_error, done.output) == (True, "method has no answer for these arguments in this test")
    assert RAN == []


async def test_others_refused_leaves_livekits_own_tools_and_names_a_blocked_handoff(
    rehearse: Rehearse, caplog: pytest.LogCaptureFixture
) -> None:
    async with rehearse(entrypoint, tools={"*": "refuse"}) as call:
        (done,) = (await call.say("call transfer")).tool_calls
        assert done.output == "transfer is not available in a test"
        await call.say("call end_call")
        await call.ended()
    assert "transfer may hand over to another agent, and was refused: name it in `tools`" in caplog.messages


async def test_fakes_of_the_code_get_their_arguments_and_the_suite_wins(rehearse: Rehearse) -> None:
    got: list[Any] = []

    def method(item: str, context: RunContext[Any]) -> str:
        got.append((item, type(context).__name__))
        return f"a fake {item}"

    async def raw(**arguments: Any) -> dict[str, Any]:
        return arguments

    fakes: dict[str, Any] = {"method": method, "raw": raw, "alone": lambda: "never"}
    wrapped = wrap_entrypoint(tools=fakes)(plain)
    async with rehearse(wrapped, tools={"alone": {"returns": "the suite's"}}) as call:
        turn = await call.say('call method {"item": "tea", "amount": 3} and raw {"x": 1} and alone')
    assert [each.output for each in turn.tool_calls] == ["a fake tea", "{'x': 1}", "the suite's"]
    assert got == [("tea", "RunContext")]
    assert RAN == []


async def plain(ctx: JobContext) -> None:
    session: AgentSession[Any] = AgentSession(llm=Model())
    await session.start(Buyer(), room=ctx.room)


async def test_functions_are_given_to_a_rehearsal_too(rehearse: Rehearse) -> None:
    async with rehearse(plain, tools={"method": lambda amount: f"{amount} faked"}) as call:
        (done,) = (await call.say('call method {"amount": 3}')).tool_calls
    assert (done.output, RAN) == ("3 faked", [])


async def test_mock_tools_still_works_beside_them(rehearse: Rehearse) -> None:
    with mock_tools(Buyer, {"method": lambda: "a mock"}):
        async with rehearse(plain, tools={"method": {"returns": "a double"}, "*": "refuse"}) as call:
            (done,) = (await call.say("call method")).tool_calls
    assert (done.output, RAN) == ("a mock", [])


async def test_a_double_of_no_tool_and_an_argument_of_none_are_named(
    rehearse: Rehearse, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of a tool that is never called; an argument that a fake can do without is none of the tool's business."""

    def added(item: str, context: RunContext[Any], ctx: object, left: int = 1, **more: Any) -> str:
        return "a fake"

    tools: dict[str, Any] = {
        "metod": {"returns": 1},
        "method": {"returns": "{itme} {amount}", "when": {"amout": 1}},
        "alone": {"returns": "{item}"},
        "added": added,
    }
    async with rehearse(entrypoint, tools=tools) as call:
        await call.say("hello")
        told = [line for line in caplog.messages if line.startswith(("the double of", "no agent of"))]
    assert sorted(told) == [
        "the double of added uses 'item', which is no argument of the tool",
        "the double of method uses 'amout', which is no argument of the tool",
        "the double of method uses 'itme', which is no argument of the tool",
    ]
    assert "no agent of this test had a tool 'metod', which `tools` names" in caplog.messages


async def test_a_tool_behind_call_tool_of_an_agent_made_elsewhere_counts_as_seen(
    rehearse: Rehearse, caplog: pytest.LogCaptureFixture
) -> None:
    made_elsewhere = ToolProxyToolset(id="proxy", tools=[behind])

    @wrap_entrypoint
    async def starts(ctx: JobContext) -> None:
        session: AgentSession[Any] = AgentSession(llm=Model())
        await session.start(Agent(instructions="", tools=[made_elsewhere]), room=ctx.room)

    async with rehearse(starts, tools={"behind": {"returns": "{item}"}}) as call:
        (done,) = (await call.say('call call_tool {"name": "behind", "parameters": {}}')).tool_calls
    assert done.output == "{item}"
    told = [line for line in caplog.messages if line.startswith(("the double of", "no agent of"))]
    assert told == ["the double of behind uses 'item', which is no argument of the tool"]


async def test_a_failed_rehearsal_tells_doubled_calls_from_real_ones(rehearse: Rehearse) -> None:
    doubles: dict[str, Any] = {"method": {"returns": "a double"}, "raw": "refuse", "metod": "refuse"}
    async with rehearse(plain, tools=doubles) as call:
        await call.say("call method and raw and alone")
    ((_, section),) = rehearse.sections()
    lines = [line.strip() for line in section.splitlines()]
    assert "tool  method() (mocked) -> a double" in lines
    assert "tool  raw() (mocked) -> failed: raw is not available in a test" in lines
    assert "tool  alone() -> really alone" in lines
    assert "note: no agent of this test had a tool 'metod', which `tools` names" in lines


async def test_in_a_test_that_is_not_signed_the_fakes_of_the_code_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    from cekura_agent_kit.agent.tools import Tools, add_tools

    parts: list[Any] = []
    add_tools(SimpleNamespace(permit=None, add=parts.append), {"pay": lambda: "fake"})  # type: ignore[arg-type]
    assert parts == []
    assert "not signed: its tools really run" in caplog.messages[-1]
    assert Tools({}, {}).notes() == []


def test_an_executor_that_has_moved_refuses_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from livekit.agents.voice.tool_executor import _ToolExecutor

    from cekura_agent_kit.agent import tool_execution
    from cekura_agent_kit.errors import KitError

    monkeypatch.setattr(tool_execution, "_installed", False)
    monkeypatch.setattr(_ToolExecutor, "execute", lambda self, call: None)
    with pytest.raises(KitError, match=r"has no _ToolExecutor.execute: tools cannot be replaced, and none may run"):
        tool_execution.install(lambda session: None, lambda names: False)


def test_wrong_behaviours_are_refused_where_they_are_written(rehearse: Rehearse) -> None:
    with pytest.raises(RehearsalError, match="tool 'pay': unknown key 'return'"):
        rehearse(plain, tools={"pay": {"return": 1}})
