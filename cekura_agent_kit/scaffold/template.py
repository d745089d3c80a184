"""Files of the agent template, and the JSON Schema beside a suite."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

PLACEHOLDER: Final = "my-agent"
SCHEMA: Final = Path("cekura.schema.json")
WORKFLOW: Final = Path(".github/workflows/cekura.yml")
_IGNORED: Final = frozenset({"__pycache__", ".venv", "reports", ".pytest_cache"})


def name_of(folder: Path) -> str:
    """Return the name of an agent after its folder: ``front-desk``."""
    return re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or PLACEHOLDER


def template_files(name: str) -> dict[Path, str]:
    """Return the texts of a new repo's files by relative path."""
    files = {path: text.replace(PLACEHOLDER, name) for path, text in _template().items()}
    return {**files, SCHEMA: suite_schema()}


def template_file(path: Path) -> str:
    """Return the text of one file of the template."""
    return (_root() / path).read_text(encoding="utf-8")


def suite_schema() -> str:
    """Return the JSON Schema by which editors complete and check `cekura.yaml`."""
    from ..trigger.plan.suite import Suite

    return json.dumps(Suite.model_json_schema(), indent=2) + "\n"


def _root() -> Path:
    """Return the template's folder, inside the wheel or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    return next(each for each in (package / "agent_template", package.parent / "agent_template") if each.is_dir())


def _template() -> dict[Path, str]:
    root = _root()
    return {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file() and _IGNORED.isdisjoint(path.relative_to(root).parts)
    }
