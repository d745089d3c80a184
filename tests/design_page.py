"""docs/design.md: what its drawing names, and the code that it names it of."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cekura_agent_kit

PACKAGE = Path(cekura_agent_kit.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "design.md").read_text()
FOREIGN = {"AgentSession.start", "AgentSession.run", "RoomIO.register_text_input", "cekura.proof", "mock_tools"}
"""Names of livekit-agents, and an attribute."""


def section(title: str) -> str:
    """Return the text of a section of the page."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def drawing() -> dict[str, str]:
    """Text of the drawing by folder below the package; the package's own modules under an empty name."""
    texts: dict[str, str] = {}
    folders: list[tuple[int, str]] = []
    for line in section("Layout").split("\n\n")[0].splitlines():
        indent = len(line) - len(line.lstrip())
        # A line that only continues the one before is indented up to its text.
        if indent < 20:
            folders = [each for each in folders if each[0] < indent]
            if found := re.match(r"\s+(\w+)/", line):
                folders.append((indent, found[1]))
        place = "/".join(name for _, name in folders).removeprefix("cekura_agent_kit").strip("/")
        texts[place] = texts.get(place, "") + line + "\n"
    return texts


def modules() -> dict[str, set[str]]:
    """Stems of the modules by folder below the package."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if "agent_template" not in path.parts and not path.name.startswith("__"):
            found.setdefault(path.parent.relative_to(PACKAGE).as_posix().strip("."), set()).add(path.stem)
    return found


def owned_names() -> tuple[set[str], set[str]]:
    """Return all names that the package defines, and those that a class or module owns, as ``owner.name``."""
    names: set[str] = set()
    owned: set[str] = set()

    def visit(owner: str, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            inner = owner
            found: list[str] = []
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found = [child.name]
                inner = child.name if isinstance(child, ast.ClassDef) else owner
            elif isinstance(child, ast.Name | ast.arg):
                found = [child.id if isinstance(child, ast.Name) else child.arg]
            elif isinstance(child, ast.Attribute):
                found = [child.attr]
            names.update(found)
            owned.update(f"{owner}.{name}" for name in found)
            visit(inner, child)

    for path in PACKAGE.rglob("*.py"):
        names.add(path.stem)
        visit(path.stem, ast.parse(path.read_text()))
    return names, owned
