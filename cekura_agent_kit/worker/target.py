"""The agent that a target names: an object, a file, or a name in a file.

A target is what a suite's ``worker:``, ``cekura-kit worker`` and ``rehearse`` accept:

| target | agent |
|---|---|
| `AgentServer`, `WorkerOptions` | its entrypoint |
| an entrypoint | itself, with the server or options of its module that name it |
| ``"agent.py"`` | the one server of the file; else its one `WorkerOptions`; else its one entrypoint |
| ``"agent.py:name"`` | a server, options or an entrypoint |

Where a file leaves a choice, an error lists it.
"""

from __future__ import annotations

import functools
import gc
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from livekit.agents import AgentServer, JobContext, WorkerOptions

from ..agent.entrypoint import WrappedEntrypoint
from ..agent.internals.registered import registered_entrypoint
from ..errors import TargetError
from .module import load_module
from .source import OptionsCall, find_file, options_calls, place_of, split_target

__tracebackhide__ = True

Entrypoint = Callable[[JobContext], Coroutine[Any, Any, None]]

_OWN_FIELDS: Final = {"prewarm_fnc", "request_fnc"}
"""Fields of `WorkerOptions` without which an agent may not work."""

_servers: dict[int, tuple[WorkerOptions, AgentServer]] = {}
"""One server for each options object: its prewarm is kept by server."""


@dataclass(frozen=True)
class Target:
    """An agent.

    Attributes:
        entrypoint: the function that a worker runs for each job.
        server: has prewarm (``setup_fnc``), ``on_request`` and ``on_session_end``; None for an entrypoint without one.
        file: the file in which it was found; None for an object.
        note: what of the agent is not run, in words; mostly empty.
    """

    entrypoint: Entrypoint
    server: AgentServer | None = None
    file: Path | None = None
    note: str = ""

    @property
    def place(self) -> str:
        """The entrypoint's file, line and name: ``agent.py:42 entrypoint``."""
        return place_of(self.entrypoint)

    @property
    def is_wrapped(self) -> bool:
        """True where `wrap_entrypoint` is among the entrypoint's decorators."""
        return is_wrapped(self.entrypoint)


def is_wrapped(entrypoint: object) -> bool:
    """Return whether `wrap_entrypoint` is among the decorators of a function."""
    layer: Any = entrypoint
    seen: set[int] = set()
    while layer is not None and id(layer) not in seen:
        if isinstance(layer, WrappedEntrypoint):
            return True
        seen.add(id(layer))
        layer = getattr(layer, "__wrapped__", None)
    return False


def anything_is_wrapped() -> bool:
    """Return True if any function of this process is wrapped: an entrypoint may choose between wrapped functions."""
    return any(type(each) is WrappedEntrypoint for each in gc.get_objects())


def find_target(target: object, *, folders: Sequence[Path]) -> Target:
    """Return the agent that a target names; its file is imported.

    Args:
        target: an `AgentServer`, `WorkerOptions`, an entrypoint, ``"agent.py"`` or ``"agent.py:name"``.
        folders: folders in which a relative path is searched, in order.

    Raises:
        TargetError: there is no such file, no agent in it, or a choice of several.
        Exception: whatever the file raises when it is imported.
    """
    if isinstance(target, str | Path):
        file, name = split_target(target)
        return _in_module(load_module(find_file(file, folders)), file, name)
    return _of_object(target, repr(target))


def _in_module(module: ModuleType, file: str, name: str) -> Target:
    path = Path(str(vars(module)["__file__"])).resolve()
    if name:
        if name not in vars(module):
            raise TargetError(f"{file} has no {name!r}", hint=_choice(module, file))
        return _of_object(vars(module)[name], f"{file}:{name}", path)
    for kind in (AgentServer, WorkerOptions):
        found = list({id(value): value for value in vars(module).values() if _is(value, kind)}.values())
        if len(found) == 1:
            return _of_object(found[0], file, path)
        if found:
            plural = "AgentServers" if kind is AgentServer else "WorkerOptions"
            raise TargetError(f"{file} has {len(found)} {plural}", hint=_choice(module, file))
    entrypoints = dict(_entrypoints(module))
    if len(entrypoints) != 1:
        problem = f"{len(entrypoints)} entrypoints and no AgentServer" if entrypoints else "no AgentServer"
        raise TargetError(f"{file} has {problem}", hint=_choice(module, file))
    ((name, entrypoint),) = entrypoints.items()
    if call := _options_left_out(path):
        raise TargetError(
            f"{file} has no AgentServer, and the WorkerOptions of line {call.line} are made only when it is run as a "
            "script",
            hint=f"assign them to a name of the module (`options = WorkerOptions(…)`), since {_own(call)} belongs to "
            f'the agent; or name the entrypoint, "{file}:{name}", which runs without',
        )
    return _of_object(entrypoint, file, path)


def _of_object(value: object, called: str, file: Path | None = None) -> Target:
    if _is(value, WorkerOptions):
        assert isinstance(value, WorkerOptions)
        value = _server_from(value)
    if _is(value, AgentServer):
        assert isinstance(value, AgentServer)
        entrypoint = registered_entrypoint(value)
        if entrypoint is None:
            raise TargetError(
                f"{called} has no entrypoint", hint="register one with `@server.rtc_session(agent_name=…)`"
            )
        return Target(entrypoint, value, file)
    if isinstance(value, type | ModuleType) or not callable(value):
        raise TargetError(
            f"{called} is not an agent", hint='give an AgentServer, an entrypoint, "agent.py" or "agent.py:name"'
        )
    _require_async(value, called)
    server = _server_of(value, called)
    note = ""
    if server is None and file is not None and (call := _options_left_out(file)):
        note = (
            f"{_own(call)} of the WorkerOptions at {file.name}:{call.line} does not run: they are made only when the "
            "file is run as a script"
        )
    return Target(value, server, file, note)


def _is(value: object, kind: type) -> bool:
    # By its type: a module may have objects that return something for any attribute, or raise.
    return issubclass(type(value), kind)


def _server_from(options: WorkerOptions) -> AgentServer:
    if id(options) not in _servers:
        _servers[id(options)] = (options, AgentServer.from_server_options(options))
    return _servers[id(options)][1]


def _require_async(function: Callable[..., Any], called: str) -> None:
    """Refuse a plain function. One that is decorated may well return a coroutine."""
    if isinstance(function, FunctionType) and not inspect.iscoroutinefunction(function):
        inner = inspect.unwrap(function)
        if inner is function and function.__closure__ is None:
            raise TargetError(
                f"{called} is not an entrypoint: it is not async ({place_of(function)})",
                hint="give the function that LiveKit runs for each job, `async def entrypoint(ctx: JobContext)`",
            )


def _server_of(entrypoint: Callable[..., Any], called: str) -> AgentServer | None:
    """Return the server, or that of the options, in the entrypoint's module that names it, wrapped or not."""
    module = sys.modules.get(str(getattr(entrypoint, "__module__", "")))
    wanted = _innermost(entrypoint)
    found: dict[int, AgentServer] = {}
    for value in list(vars(module).values()) if module is not None else ():
        if _is(value, AgentServer) and _innermost(registered_entrypoint(value)) is wanted:
            found[id(value)] = value
    for value in list(vars(module).values()) if module is not None and not found else ():
        if _is(value, WorkerOptions) and _innermost(value.entrypoint_fnc) is wanted:
            found[id(value)] = _server_from(value)
    if len(found) > 1:
        raise TargetError(f"{called} is the entrypoint of {len(found)} AgentServers", hint="give one of the servers")
    return next(iter(found.values()), None)


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    try:
        return inspect.unwrap(function)
    except ValueError:  # a circle of wrappers
        return function


def _entrypoints(module: ModuleType) -> Iterator[tuple[str, Entrypoint]]:
    """Yield the module's own functions that accept a `JobContext` first, or are wrapped or named as entrypoints."""
    for name, value in vars(module).items():
        if _is_own_coroutine(value, module) and (name == "entrypoint" or is_wrapped(value) or _accepts_job(value)):
            yield name, value


def _is_own_coroutine(value: object, module: ModuleType) -> bool:
    if not isinstance(value, FunctionType | WrappedEntrypoint):
        return False
    function = _innermost(value)
    return inspect.iscoroutinefunction(function) and vars(value).get("__module__", function.__module__) == vars(
        module
    ).get("__name__")


def _accepts_job(function: Any) -> bool:
    function = _innermost(function)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    annotation = function.__annotations__.get(names[0]) if names else None
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2].strip("'\"") == JobContext.__name__
    return annotation is JobContext


def _options_left_out(path: Path) -> OptionsCall | None:
    """Return the options of a file that has none as a module, where they hold more than the entrypoint."""
    return next((call for call in options_calls(path) if call.fields & _OWN_FIELDS), None)


def _own(call: OptionsCall) -> str:
    return " and ".join(sorted(call.fields & _OWN_FIELDS))


def _choice(module: ModuleType, file: str) -> str:
    names = [name for name, value in vars(module).items() if _is(value, AgentServer) or _is(value, WorkerOptions)]
    names += [name for name, _ in _entrypoints(module)]
    if not names:
        return "give a file that defines an AgentServer, WorkerOptions or an entrypoint"
    return "name one: " + " or ".join(f'"{file}:{name}"' for name in names)
