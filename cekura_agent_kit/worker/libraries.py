"""The libraries that an agent's own modules import: what can be imported before them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .source import import_name

_MOST: Final = 500
"""Files of the agent's own that are read at most."""


def libraries_of(file: Path) -> list[str]:
    """Return the names of modules that the file and the agent's own modules import, and that are not its own.

    Args:
        file: absolute path of the agent's file. Files that cannot be parsed are left out.
    """
    root, _ = import_name(file)
    names: dict[str, None] = {}
    waiting, seen = [file], {file}
    while waiting and len(seen) < _MOST:
        path = waiting.pop()
        for name in _imported(path, root):
            own = list(_own_files(root, name))
            top = root / name.partition(".")[0]
            if not top.is_dir() and not top.with_suffix(".py").is_file():
                names[name] = None
            waiting += [each for each in own if each not in seen]
            seen.update(own)
    return list(names)


def _imported(path: Path, root: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports at any place, those of relative imports from the root on."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    package = path.relative_to(root).parent.parts if path.is_relative_to(root) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [*package[: len(package) - node.level + 1]] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            if base:
                yield base
            # `from livekit.plugins import openai` names a module, too.
            yield from (f"{base}.{name.name}" if base else name.name for name in node.names if name.name != "*")


def _own_files(root: Path, name: str) -> Iterator[Path]:
    place = root.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            yield path.resolve()
