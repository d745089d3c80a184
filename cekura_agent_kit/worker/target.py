"""What is rehearsed: an entrypoint and, where there is one, the server that it is registered with."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from livekit.agents import AgentServer, JobContext, WorkerOptions

from ..errors import RehearsalError
from ..rehearsal import internals
from ..rehearsal.files import find

__tracebackhide__ = True

_loaded: dict[Path, ModuleType] = {}

Entrypoint = Callable[[JobContext], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Target:
    """An entrypoint, and its server where it has one: the server's prewarm, ``on_request`` and ``on_session_end``."""

    entrypoint: Entrypoint
    server: AgentServer | None = None

    @property
    def place(self) -> str:
        """Where the entrypoint stands: ``agent.py:42 entrypoint``."""
        return place_of(self.entrypoint)


def place_of(thing: Any) -> str:
    """Where a function or class stands in the source, as far as is known: ``agent.py:42 entrypoint``."""
    thing = inspect.unwrap(thing)
    name = getattr(thing, "__qualname__", None) or type(thing).__name__
    try:
        file = Path(inspect.getsourcefile(thing) or "?")
        _, line = inspect.getsourcelines(thing)
    except (TypeError, OSError):
        return str(name)
    return f"{file.name}:{line} {name}"


def find_target(target: object, *, folders: Sequence[Path]) -> Target:
    """What a test asks to rehearse.

    Args:
        target: an `AgentServer`, `WorkerOptions`, an entrypoint, ``"agent.py"`` (the one server in it) or
            ``"agent.py:name"`` (a server, options or entrypoint).
        folders: where a relative path is looked for, in order.

    Raises:
        RehearsalError: there is no such thing.
    """
    if isinstance(target, str | Path):
        return _in_file(str(target), folders)
    return _of_value(target, f"{target!r}")


def _of_value(value: object, called: str) -> Target:
    if isinstance(value, WorkerOptions):
        value = AgentServer.from_server_options(value)
    if isinstance(value, AgentServer):
        entrypoint = internals.entrypoint_of(value)
        if entrypoint is None:
            raise RehearsalError(
                f"{called} has no entrypoint", hint="register one with `@server.rtc_session(agent_name=…)`"
            )
        return Target(entrypoint, value)
    if callable(value) and not isinstance(value, type):
        return Target(value, _server_of(value))
    raise RehearsalError(
        f"{called} cannot be rehearsed",
        hint='give an AgentServer, an entrypoint, "agent.py" or "agent.py:name"',
    )


def _server_of(entrypoint: Callable[..., Any]) -> AgentServer | None:
    """The server of the entrypoint's module that registered it, wrapped or not."""
    module = sys.modules.get(getattr(entrypoint, "__module__", ""))
    wanted = inspect.unwrap(entrypoint)
    for server in vars(module).values() if module else ():
        if isinstance(server, AgentServer):
            registered = internals.entrypoint_of(server)
            if registered is not None and inspect.unwrap(registered) is wanted:
                return server
    return None


def _in_file(target: str, folders: Sequence[Path]) -> Target:
    head, colon, name = target.rpartition(":")
    file, name = (head, name) if colon and name.isidentifier() else (target, "")
    module = load(find(file, folders))
    if name:
        if not hasattr(module, name):
            raise RehearsalError(f"{file} has no {name!r}", hint=_what_there_is(module, file))
        return _of_value(getattr(module, name), target)
    servers = {id(value): value for value in vars(module).values() if isinstance(value, AgentServer)}
    if len(servers) != 1:
        many = "no AgentServer" if not servers else f"{len(servers)} AgentServers"
        raise RehearsalError(f"{file} has {many}", hint=_what_there_is(module, file))
    return _of_value(next(iter(servers.values())), file)


def _what_there_is(module: ModuleType, file: str) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, AgentServer | WorkerOptions)
        or (inspect.iscoroutinefunction(value) and value.__module__ == module.__name__ and not name.startswith("_"))
    ]
    if not names:
        return "give a file that defines an AgentServer or an entrypoint"
    return "name one: " + " or ".join(f'"{file}:{name}"' for name in names)


def load(path: Path) -> ModuleType:
    """The file's module, imported once a process, under the name by which the agent's own code imports it."""
    loaded = _loaded.get(path)
    if loaded is not None and sys.modules.get(loaded.__name__) is loaded:
        return loaded
    for known, module in list(sys.modules.items()):
        if known != "__main__" and getattr(module, "__file__", None) == str(path):
            return module
    root, name = path.parent, path.stem
    while (root / "__init__.py").is_file():
        root, name = root.parent, f"{root.name}.{name}"
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if name in sys.modules:  # another file of this name
        name = f"{name}_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RehearsalError(f"{path.name} is no Python file", hint="give the path of the agent's file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - raised again, without the frames of importing
        del sys.modules[name]
        raise error.with_traceback(_own_frames(error.__traceback__)) from None
    _loaded[path] = module
    return module


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Without those of importing, up to the first of the file's own."""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith("<frozen importlib"):
            break
        traceback = traceback.tb_next
    return traceback
