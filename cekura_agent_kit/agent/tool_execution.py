"""Execution of tools in livekit-agents, and where it can be replaced.

Touched, checked on livekit-agents 1.6.0, 1.7.1 and 1.8.9:

- ``tool_executor._ToolExecutor.execute``: every tool of every agent, task and toolset passes here. If it is gone,
  or has other parameters, `install` refuses, and the test ends before any tool runs.
- ``ToolContext._update_tools``, ``._provider_tools``: the tools that a model is given. If they are gone, too.
- ``FunctionTool._func``, ``ToolProxyToolset._tool_ctx``: the function of a tool, and the tools behind ``call_tool``. If
  they are gone, no tool counts as one of livekit-agents' own.
"""

from __future__ import annotations

import functools
import inspect
import json
import threading
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import KitError

if TYPE_CHECKING:
    from livekit.agents import RunContext

_FRAMEWORK: Final = "livekit.agents."
_OF_OTHERS: Final = ("livekit.agents.llm.mcp", "livekit.agents.beta.toolsets.tool_proxy")
"""Modules of livekit-agents whose tools do what others have written: servers' tools, and tools by their names."""
_PARAMETERS: Final = {"tool", "run_ctx", "raw_arguments", "mock"}

_installing = threading.Lock()
_installed = False


class ToolExecution:
    """One call of a tool, not yet executed.

    Attributes:
        id: of the call.
        name: of the tool; of the tool behind it for ``call_tool`` of a ToolProxyToolset.
        arguments: of the call, by their names.
        context: the call's RunContext.
        tool: livekit-agents' own object; the tool behind ``call_tool``.
        is_mocked: livekit-agents' own `mock_tools` stands for it.
    """

    def __init__(self, run: Callable[[], Awaitable[Any]], tool: Any, context: RunContext[Any], given: Any) -> None:
        self.run = run
        self.id: str = context.function_call.call_id
        self.name: str = context.function_call.name
        self.context = context
        self.arguments: Mapping[str, Any] = given if isinstance(given, dict) else {}
        self.is_mocked = False
        self.tool = tool
        if _module(tool) == _OF_OTHERS[1] and "name" in self.arguments:
            self._look_behind()

    @property
    def is_of_framework(self) -> bool:
        """True for a tool of livekit-agents itself: the end of a task or of the call, for example."""
        module = _module(self.tool)
        return module.startswith(_FRAMEWORK) and module not in _OF_OTHERS

    @property
    def may_hand_over(self) -> bool:
        """True if the tool is annotated to return an agent."""
        from livekit.agents import Agent

        function = getattr(self.tool, "_func", self.tool)
        try:
            returned = typing.get_type_hints(function).get("return")
        except Exception:  # noqa: BLE001 - an annotation can be anything
            return "Agent" in str(getattr(function, "__annotations__", {}).get("return"))
        kinds = [returned, *typing.get_args(returned)]
        return any(isinstance(kind, type) and issubclass(kind, Agent) for kind in kinds)

    def _look_behind(self) -> None:
        """Make this the call of the tool that ``call_tool`` is asked to call."""
        toolset = getattr(getattr(self.tool, "_func", None), "__self__", None)
        tools = getattr(toolset, "_tool_ctx", None)
        parameters = self.arguments.get("parameters")
        self.name = str(self.arguments["name"])
        self.tool = tools.get_function_tool(self.name) if tools is not None else None
        if isinstance(parameters, str):
            try:
                parameters = json.loads(parameters)
            except ValueError:
                parameters = {}
        self.arguments = parameters if isinstance(parameters, dict) else {}


Execute = Callable[[ToolExecution], Awaitable[Any]]


def parameters_of(tool: Any) -> set[str] | None:
    """Return the names of a tool's arguments; None if they are not known."""
    schema = getattr(getattr(tool, "info", None), "raw_schema", None)
    if schema is not None:
        properties = schema.get("parameters", {}).get("properties")
        return set(properties) if isinstance(properties, dict) else None
    try:
        parameters = inspect.signature(tool).parameters.values()
    except (TypeError, ValueError):
        return None
    return {each.name for each in parameters if not is_context(each)}


def is_context(parameter: inspect.Parameter) -> bool:
    """Return True for a parameter that gets the call's RunContext."""
    return "RunContext" in str(parameter.annotation)


def install(execute_of: Callable[[Any], Execute | None], saw: Callable[[Mapping[str, Any]], bool]) -> None:
    """Replace the execution of tools in this process, once.

    Args:
        execute_of: returns what executes the tools of a session; None leaves them to livekit-agents.
        saw: called with an agent's tools, by their names; returns True to remove those that its model's vendor runs.

    Raises:
        KitError: livekit-agents has no such place.
    """
    global _installed
    from livekit.agents.llm import ToolContext

    with _installing:
        if _installed:
            return
        executor = _executor()
        original = executor.execute
        update = getattr(ToolContext, "_update_tools", None)
        if update is None or "_provider_tools" not in update.__code__.co_names:
            raise _moved("ToolContext._update_tools")

        @functools.wraps(original)
        async def execute(self: Any, **given: Any) -> Any:
            ours = execute_of(given["run_ctx"].session)
            run = functools.partial(original, self, **given)
            if ours is None:
                return await run()
            call = ToolExecution(run, given["tool"], given["run_ctx"], given["raw_arguments"])
            call.is_mocked = given.get("mock") is not None
            return await ours(call)

        @functools.wraps(update)
        def update_tools(self: Any, *args: Any, **kwargs: Any) -> None:
            update(self, *args, **kwargs)
            if saw(self._fnc_tools_map):
                self._provider_tools = []

        executor.execute = execute
        ToolContext._update_tools = update_tools  # type: ignore[method-assign]
        _installed = True


def tool_error(text: str) -> Exception:
    """Return the error whose text the model hears."""
    from livekit.agents import ToolError

    return ToolError(text)


def _executor() -> Any:
    try:
        from livekit.agents.voice.tool_executor import _ToolExecutor
    except ImportError:
        raise _moved("_ToolExecutor") from None
    execute = getattr(_ToolExecutor, "execute", None)
    if execute is None or not inspect.signature(execute).parameters.keys() >= _PARAMETERS:
        raise _moved("_ToolExecutor.execute")
    return _ToolExecutor


def _moved(name: str) -> KitError:
    from livekit.agents.version import __version__

    return KitError(
        f"livekit-agents {__version__} has no {name}: tools cannot be replaced, and none may run",
        hint="use a livekit-agents that this version of cekura-agent-kit knows, or remove `tools` from the suite",
    )


def _module(tool: Any) -> str:
    return str(getattr(getattr(tool, "_func", None), "__module__", ""))
