"""Python files of a repo as syntax trees, and which of them a file imports."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..worker.source import import_name

_SKIPPED: Final = frozenset({"node_modules", "site-packages", "build", "dist", "tests", "test", "venv", "env"})
_LARGEST: Final = 1_000_000
"""Bytes of a file that somebody wrote."""
_MOST: Final = 5_000
"""Files that are read."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file.

    Attributes:
        path: absolute path.
        text: its text, with its own line ends.
        encoding: its encoding.
        tree: its syntax tree.
    """

    path: Path
    text: str
    encoding: str
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        """Yield all functions, methods and nested ones included."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[str, str, int]]:
        """Yield module, name and level of all imports; the name is empty for `import a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((each.name, "", 0) for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", each.name, node.level) for each in node.names)


def read(path: Path) -> Source | None:
    """Return a file, or None if it is not Python or cannot be read."""
    try:
        data = path.read_bytes()
        if len(data) > _LARGEST:
            return None
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        return Source(path, text, encoding, ast.parse(text))
    except (OSError, SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        return None


def python_files(root: Path) -> list[Path]:
    """Return the repo's Python files without tests, environments and what is hidden, sorted."""
    found: list[Path] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _SKIPPED)
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        found += [Path(folder, each) for each in sorted(files) if each.endswith(".py") and not _is_test(each)]
        if len(found) > _MOST:
            break
    return found[:_MOST]


def own_modules(source: Source, root: Path) -> list[Source]:
    """Return the file, and those of the repo that it imports, also through others."""
    found = {source.path: source}
    waiting = [source]
    while waiting:
        current = waiting.pop(0)
        for path in _imported(current, root):
            if path not in found and (module := read(path)) is not None:
                found[path] = module
                waiting.append(module)
    return list(found.values())


def defined_in(source: Source, name: str, root: Path) -> tuple[Source, str] | None:
    """Return the repo's file that an imported name comes from, and its name there."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                for path in _modules(source, node.module or "", node.level, root):
                    if (module := read(path)) is not None:
                        return module, alias.name
    return None


def called(node: ast.AST) -> str:
    """Return the last name of what is called, or of a name: ``rtc_session`` of ``server.rtc_session(…)``."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_test(name: str) -> bool:
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _imported(source: Source, root: Path) -> Iterator[Path]:
    for module, name, level in source.imports():
        yield from _modules(source, module, level, root)
        if name:
            yield from _modules(source, f"{module}.{name}".strip("."), level, root)


def _modules(source: Source, module: str, level: int, root: Path) -> Iterator[Path]:
    """Yield the repo's files that an import can mean."""
    if level:
        bases = [source.path.parents[min(level, len(source.path.parents)) - 1]]
    else:
        bases = list(dict.fromkeys([source.path.parent, import_name(source.path)[0], root, root / "src"]))
    for base in bases:
        place = base.joinpath(*module.split(".")) if module else base
        for path in (place.with_name(place.name + ".py"), place / "__init__.py"):
            if path.is_file() and path.is_relative_to(root):
                yield path
                return
