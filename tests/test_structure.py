"""The house as it is drawn: public names, what importing them costs, and who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cekura_agent_kit

PACKAGE = Path(cekura_agent_kit.__file__).parent


def loaded_by(statement: str) -> set[str]:
    """Modules that a fresh Python has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_resolves_and_nothing_else() -> None:
    for name in cekura_agent_kit.__all__:
        value = getattr(cekura_agent_kit, name)
        assert name == "Event" or value.__module__.startswith("cekura_agent_kit."), name
    assert cekura_agent_kit.__all__ == sorted(cekura_agent_kit.__all__)
    assert set(cekura_agent_kit.__all__) == set(cekura_agent_kit._HOME)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        cekura_agent_kit.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "not_loaded"),
    [
        ("import cekura_agent_kit", {"livekit.agents", "livekit.rtc", "livekit.api", "httpx", "pydantic", "asyncio"}),
        ("from cekura_agent_kit import wrap_entrypoint", {"livekit.agents", "httpx", "pydantic", "jwt"}),
        ("import cekura_agent_kit.cli", {"livekit", "httpx", "pydantic", "yaml", "jinja2", "aiohttp"}),
        ("import cekura_agent_kit.rehearsal.plugin", {"livekit", "httpx", "pydantic", "yaml", "aiohttp"}),
        ("import cekura_agent_kit.trigger.suite_run", {"livekit.agents"}),
    ],
)
def test_importing_is_cheap(statement: str, not_loaded: set[str]) -> None:
    assert loaded_by(statement).isdisjoint(not_loaded)


def imports_of(path: Path) -> set[str]:
    """Absolute names of modules that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("path", sorted((PACKAGE / "trigger").rglob("*.py")), ids=lambda path: path.name)
def test_the_trigger_never_imports_livekit_agents(path: Path) -> None:
    """It takes three seconds; import-linter cannot see inside the livekit namespace."""
    assert not {name for name in imports_of(path) if name.startswith("livekit.agents")}
