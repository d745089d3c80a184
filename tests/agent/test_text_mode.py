"""The page docs/text-mode.md: each row names a test that exists, and what is not tested is named in the log."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path

import pytest

from tests.shapes import SHAPES
from tests.shapes.talks import in_the_memory

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "text-mode.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| feature ")]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_has_rows() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].strip("| "))
def test_each_row_names_tests_that_exist(row: str) -> None:
    named = re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition(" | ")[2])
    assert named
    for name in named:
        if shape := re.fullmatch(r"test_shape\[(\w+)\]", name):
            assert shape[1] in SHAPES or shape[1] == "duplex_model"  # since livekit-agents 1.8
        else:
            file, _, test = name.partition("::")
            assert test in functions_of(file)


async def logged(name: str, caplog: pytest.LogCaptureFixture) -> str:
    """Return the wrapper's log of a shape."""
    caplog.set_level(logging.INFO, logger="cekura_agent_kit")
    assert (await in_the_memory(SHAPES[name], waits=True)).faults(SHAPES[name]) == []
    return caplog.text


async def test_an_avatar_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert "not tested in text mode: the avatar tests.shapes.speech.VendorsAvatar" in await logged(
        "avatar_of_a_plugin", caplog
    )


async def test_an_avatar_without_the_base_class_is_named(caplog: pytest.LogCaptureFixture) -> None:
    text = await logged("avatar_without_the_base_class", caplog)
    assert "not tested in text mode: StreamedSound" in text
    assert "an avatar that its vendor has started" in text


def test_the_table_of_shapes_has_each_shape_and_no_fault() -> None:
    page, _, _ = (ROOT / "docs" / "shapes.md").read_text(encoding="utf-8").partition("## Other versions")
    lines = page.splitlines()
    rows = {line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("| ")}
    # duplex_model has been there since livekit-agents 1.8.
    assert SHAPES.keys() <= rows.keys() - {"shape", "**median**"} <= SHAPES.keys() | {"duplex_model"}
    assert len(SHAPES) >= 60
    assert [line for name, line in rows.items() if "**" in line and name != "**median**"] == []
