"""The agents of a repo: the entrypoints that it registers with LiveKit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import TargetError
from ..worker.source import split_target
from .sources import Function, Source, called, defined_in, python_files, read

_OPTIONS: Final = ("WorkerOptions", "ServerOptions")
_LISTED: Final = 10
"""Agents that an error lists."""


@dataclass(frozen=True)
class FoundAgent:
    """One entrypoint that is registered.

    Attributes:
        source: the file that registers it.
        root: the repo.
        entrypoint: the expression that names it; None for a function under a decorator.
        function: its function; None if it was not found.
        home: the file of the function; that which registers it if none was found.
        registered: the call or the decorator that registers it; None if nothing does.
        server: name of the server or of the options in the module; empty if it has none there.
        alone: the file registers no other.
    """

    source: Source
    root: Path
    entrypoint: ast.expr | None
    function: Function | None
    home: Source
    registered: ast.expr | None
    server: str
    alone: bool = True

    @property
    def file(self) -> str:
        """The file that registers it, relative to the repo."""
        return self.source.path.relative_to(self.root).as_posix()

    @property
    def name(self) -> str:
        """Name of the entrypoint."""
        return self.function.name if self.function else ast.unparse(self.entrypoint) if self.entrypoint else ""

    @property
    def target(self) -> str:
        """The agent as a suite's `worker` names it."""
        return self.file if self.alone else f"{self.file}:{self.server or self.name}"

    @property
    def place(self) -> str:
        """File, line and name: ``agent.py:42 entrypoint``."""
        line = (self.function or self.entrypoint or self.source.tree.body[0]).lineno
        return f"{self.home.path.relative_to(self.root).as_posix()}:{line} {self.name}"

    @property
    def is_options(self) -> bool:
        """True if `WorkerOptions` register it."""
        return self.registered is not None and called(self.registered) in _OPTIONS

    @property
    def is_wrapped(self) -> bool:
        """True if `wrap_entrypoint` is among its decorators, or around it where it is registered."""
        decorators = self.function.decorator_list if self.function else []
        around = [self.entrypoint] if isinstance(self.entrypoint, ast.Call) else []
        return any(called(each) == "wrap_entrypoint" for each in [*decorators, *around])


def find_agents(root: Path) -> list[FoundAgent]:
    """Return the agents of a repo, in the order of their files. What nobody registers counts if nothing is."""
    sources = [each for path in python_files(root) if (each := _of_livekit(path)) is not None]
    registered = [agent for source in sources for agent in _registered(source, root)]
    return registered or [agent for source in sources for agent in _bare(source, root)]


def choose_agent(root: Path, wanted: str) -> FoundAgent | None:
    """Return the agent of a repo; None if it has none.

    Args:
        root: the repo.
        wanted: ``agent.py`` or ``agent.py:name``; empty for the only one.

    Raises:
        TargetError: several are there, or none that is wanted.
    """
    if not wanted:
        agents = find_agents(root)
        if len(agents) > 1:
            raise TargetError(
                f"{root.name or root} has {len(agents)} agents", hint="name one with --agent: " + _listed(agents)
            )
        return agents[0] if agents else None
    file, name = split_target(wanted)
    path = (root / file).resolve()
    source = read(path) if path.is_relative_to(root) else None
    if source is None:
        raise TargetError(f"--agent {wanted}: there is no such Python file in {root}", hint="give a path in the repo")
    agents = list(_registered(source, root)) or list(_bare(source, root))
    agents = [each for each in agents if name in ("", each.name, each.server)]
    if not agents:
        raise TargetError(
            f"--agent {wanted}: there is no entrypoint of that name",
            hint="give a file that registers one, or FILE:NAME",
        )
    if len(agents) > 1:
        raise TargetError(f"--agent {wanted}: {file} has {len(agents)} agents", hint="name one: " + _listed(agents))
    return agents[0]


def _listed(agents: Sequence[FoundAgent]) -> str:
    named = [f"{each.target} ({each.place})" for each in agents[:_LISTED]]
    return ", ".join([*named, *(["…"] if len(agents) > _LISTED else [])])


def _of_livekit(path: Path) -> Source | None:
    try:
        if b"livekit" not in path.read_bytes():
            return None
    except OSError:
        return None
    return read(path)


def _registered(source: Source, root: Path) -> Iterator[FoundAgent]:
    found = [*_decorated(source, root), *_by_call(source, root)]
    for agent in found:
        yield agent if len(found) == 1 else FoundAgent(**{**vars(agent), "alone": False})


def _decorated(source: Source, root: Path) -> Iterator[FoundAgent]:
    for function in source.functions():
        for decorator in function.decorator_list:
            if called(decorator) == "rtc_session":
                server = _name_of_server(decorator, source)
                yield FoundAgent(source, root, None, function, source, decorator, server)


def _by_call(source: Source, root: Path) -> Iterator[FoundAgent]:
    decorators = {id(each) for function in source.functions() for each in function.decorator_list}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or id(node) in decorators:
            continue
        if called(node) in _OPTIONS:
            expression = _argument(node, "entrypoint_fnc")
            server = _assigned(node, source)
        elif called(node) == "rtc_session" and node.args:
            expression, server = node.args[0], _name_of_server(node, source)
        else:
            continue
        if expression is not None:
            home, function = _function(expression, source, root)
            yield FoundAgent(source, root, expression, function, home, node, server)


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    named = next((each.value for each in call.keywords if each.arg == name), None)
    return named or (call.args[0] if call.args else None)


def _function(expression: ast.expr, source: Source, root: Path) -> tuple[Source, Function | None]:
    """Return the function that an expression names, and its file."""
    if isinstance(expression, ast.Name):
        local = [each for each in source.functions() if each.name == expression.id]
        if local:
            return source, local[-1]
        if (there := defined_in(source, expression.id, root)) is not None:
            module, name = there
            found = [each for each in module.tree.body if isinstance(each, Function) and each.name == name]
            if found:
                return module, found[-1]
    return source, None


def _name_of_server(node: ast.expr, source: Source) -> str:
    """Return the name before ``.rtc_session`` if it is one of the module's."""
    function = node.func if isinstance(node, ast.Call) else node
    owner = function.value if isinstance(function, ast.Attribute) else None
    name = owner.id if isinstance(owner, ast.Name) else ""
    return name if name in module_names(source.tree) else ""


def _assigned(call: ast.Call, source: Source) -> str:
    for statement in source.tree.body:
        if isinstance(statement, ast.Assign) and statement.value is call:
            return next((each.id for each in statement.targets if isinstance(each, ast.Name)), "")
    return ""


def module_names(tree: ast.Module) -> set[str]:
    """Return the names that a module's own statements define, not those below ``if`` or in functions."""
    names: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, Function | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {(each.asname or each.name).split(".")[0] for each in statement.names}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {node.id for each in targets for node in ast.walk(each) if isinstance(node, ast.Name)}
    return names


def _bare(source: Source, root: Path) -> Iterator[FoundAgent]:
    """Yield functions of the module that accept a `JobContext` and are registered nowhere."""
    for statement in source.tree.body:
        if isinstance(statement, ast.AsyncFunctionDef) and statement.args.args:
            annotation = statement.args.args[0].annotation
            text = ast.unparse(annotation) if annotation is not None else ""
            if text.strip("'\"").rpartition(".")[2] == "JobContext":
                yield FoundAgent(source, root, None, statement, source, None, "")
