"""An agent's source: its file, the line of a function, and what a file shows before it is imported."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Final

from ..errors import TargetError

__tracebackhide__ = True

_OPTIONS: Final = ("WorkerOptions", "ServerOptions")
_OPTIONS_FIELDS: Final = ("entrypoint_fnc", "request_fnc", "prewarm_fnc")
"""The first fields of `WorkerOptions`, which may be given by position."""


@dataclass(frozen=True)
class OptionsCall:
    """A call of ``WorkerOptions(…)`` in a file.

    Attributes:
        line: its line.
        fields: names of the fields that it sets.
    """

    line: int
    fields: frozenset[str]


def find_file(file: str | Path, folders: Sequence[Path]) -> Path:
    """Return the absolute path of the first that exists.

    Args:
        file: a path, absolute or relative.
        folders: folders in which a relative path is searched, in order.

    Raises:
        TargetError: there is none.
    """
    for folder in folders:
        if (folder / file).is_file():
            return (folder / file).resolve()
    searched = ", ".join(dict.fromkeys(map(str, folders)))
    raise TargetError(
        f"{file}: there is no such file in {searched}", hint="give an absolute path, or one relative to such a folder"
    )


def split_target(target: str | Path) -> tuple[str, str]:
    """Split ``"agent.py:name"`` into file and name; the name may be empty."""
    file, colon, name = str(target).rpartition(":")
    return (file, name) if colon and name.isidentifier() else (str(target), "")


def absolute_target(target: str | Path, folders: Sequence[Path]) -> str:
    """Return a target with the absolute path of its file; see `find_file`."""
    file, name = split_target(target)
    path = find_file(file, folders)
    return f"{path}:{name}" if name else str(path)


def place_of(thing: Any) -> str:
    """Return where a function or class is defined: ``agent.py:42 entrypoint``, or its name alone."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    name = str(getattr(thing, "__qualname__", None) or type(thing).__name__)
    # By its code, not by its module: a rehearsal's modules do not stay in `sys.modules`.
    members = vars(thing).values() if isinstance(thing, type) else (getattr(thing, "__func__", thing),)
    code = next((found for each in members if (found := _code_of(each)) is not None), None)
    if code is None:
        return name
    file = Path(code.co_filename)
    line = _class_line(file, name) if isinstance(thing, type) else code.co_firstlineno
    return f"{file.name}:{line or code.co_firstlineno} {name}"


def agent_named(entrypoint: Any, folder: Path) -> str:
    """Return an agent's name in a file of that folder: its file, relative, and its function: ``../agent.py:start``."""
    function = inspect.unwrap(entrypoint)
    name = str(getattr(function, "__name__", type(function).__name__))
    code = _code_of(function)
    if code is None:
        return name
    return f"{Path(os.path.relpath(Path(code.co_filename).resolve(), folder.resolve())).as_posix()}:{name}"


def _code_of(member: Any) -> CodeType | None:
    function = getattr(member, "__func__", getattr(member, "fget", member))
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _class_line(file: Path, name: str) -> int | None:
    """Return the line of a class by its qualified name; None if the file cannot be read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None
    last = name.rpartition(".")[2]
    return next((node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == last), None)


def options_calls(path: Path) -> list[OptionsCall]:
    """Return every ``WorkerOptions(…)`` of the file, also those that only run as a script."""
    calls = []
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Call) and _called(node) in _OPTIONS:
            fields = [*_OPTIONS_FIELDS[: len(node.args)], *(each.arg for each in node.keywords if each.arg)]
            calls.append(OptionsCall(node.lineno, frozenset(fields)))
    return calls


def import_name(path: Path) -> tuple[Path, str]:
    """Return the folder from which the agent's own code imports the file, and the name under which it does.

    Above the packages that the file is in: those with an ``__init__.py``, those that its relative imports need, and
    those that it imports by their own name (``from my_agent.tools import …`` in ``src/my_agent/agent.py``). Otherwise
    the file's folder, as for ``python agent.py``.

    Args:
        path: absolute path of the file.
    """
    depth = 0
    while depth + 1 < len(path.parents) and (path.parents[depth] / "__init__.py").is_file():
        depth += 1
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            depth = max(depth, node.level)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            depth = max([depth, *(_own_depth(path, name) for name in _imported(node))])
    depth = min(depth, len(path.parents) - 1)
    folders = [folder.name for folder in reversed(path.parents[:depth])]
    return path.parents[depth], ".".join([*folders, path.stem])


def _parsed(path: Path) -> ast.Module:
    """Return the file's syntax tree, empty for a file that cannot be read or parsed: importing it raises the error."""
    try:
        return ast.parse(path.read_bytes(), path.name)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _imported(node: ast.ImportFrom | ast.Import) -> Iterator[str]:
    """Yield dotted names that an absolute import may mean."""
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif node.module:
        yield node.module
        yield from (f"{node.module}.{name.name}" for name in node.names)


def _own_depth(path: Path, imported: str) -> int:
    """Return how many folders above the file the import needs, as it names one of the folders that the file is in."""
    top, *rest = imported.split(".")
    if not rest or _is_module(path.parent, top):
        return 0
    for depth, folder in enumerate(path.parents, start=1):
        if folder.name == top and _is_module(folder, rest[0]) and not _is_found_elsewhere(top, folder):
            return depth
    return 0


def _is_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _is_found_elsewhere(name: str, folder: Path) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a module of that name is loaded and has no spec
        return True
    if spec is None:
        return False
    return str(folder) not in (spec.submodule_search_locations or ())
