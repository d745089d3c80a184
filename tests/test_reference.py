"""The reference page: it is what its command makes, and no variable of the kit is left out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from cekura_agent_kit.cli import app
from cekura_agent_kit.trigger.suite import RunEntry, Suite
from cekura_agent_kit.verdict import Kind

ROOT = Path(__file__).parents[1]
NAMES = re.compile(r"[\"'](CEKURA_[A-Z_0-9]+|LIVEKIT_(?:URL|API_KEY|API_SECRET))[\"']")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_its_command_makes(reference: ModuleType) -> None:
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")

    assert page == reference.page(), "run `python docs/reference.py docs/reference.md`"
    assert all(f"`{key}`" in page for model in (Suite, RunEntry) for key in model.model_fields)
    assert all(f"`{kind}`" in page for kind in Kind)
    commands = [each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands]
    assert all(f"### `cekura-kit {name}" in page for name in commands)
    assert "`--json FILE`" in page


def test_every_variable_is_on_it(reference: ModuleType) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "cekura_agent_kit").rglob("*.py")]
    used = {name for source in sources for name in NAMES.findall(source)}

    assert used - reference.INTERNAL <= reference.VARIABLES.keys()
