"""docs/python.md is the list of public names: each name has one home, and is documented there once."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs/python.md").read_text(encoding="utf-8")
SURFACE = ast.parse((HERE / "typing/public_surface.py").read_text(encoding="utf-8"))
SECTIONS = {
    match[1]: re.findall(r"^\| `(\w+)` \|", match[2], re.MULTILINE)
    for match in re.finditer(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


def test_the_page_has_every_public_module() -> None:
    assert set(SECTIONS) == {
        "cekura_agent_kit",
        "cekura_agent_kit.verdict",
        "cekura_agent_kit.rehearsal",
        "cekura_agent_kit.sandbox",
    }


@pytest.mark.parametrize("module", SECTIONS)
def test_the_page_lists_the_names_of_a_module(module: str) -> None:
    public = importlib.import_module(module)
    assert sorted(SECTIONS[module]) == sorted(public.__all__)
    for name in public.__all__:
        assert hasattr(public, name), name


def test_each_name_has_one_home() -> None:
    homes = Counter(name for names in SECTIONS.values() for name in names)
    assert [name for name, count in homes.items() if count > 1] == []


@pytest.mark.parametrize("module", SECTIONS)
def test_each_name_of_a_module_is_used_where_types_are_checked(module: str) -> None:
    """The linter refuses an import without a use."""
    imports = [node for node in SURFACE.body if isinstance(node, ast.ImportFrom) and node.module == module]
    names = [alias.name for node in imports for alias in node.names]
    assert sorted(names) == sorted(importlib.import_module(module).__all__)
