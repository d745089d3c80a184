"""The files that `cekura-kit init` adds to a repo with an agent, and how that repo installs its packages."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..file_names import RULES, SCENARIOS
from .agent_parts import Parts
from .agents import FoundAgent
from .first_suite import rules, scenarios, suite, test_file
from .template import SCHEMA, WORKFLOW, name_of, suite_schema, template_file

SUITE: Final = Path("cekura.yaml")
MAKEFILE: Final = Path("cekura.mk")
_OPENAI_KEY: Final = "          OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}\n"
_VENV: Final = ".venv-cekura"
_MAKE: Final = """\
# make -f cekura.mk test demo
#
# An environment of its own, {venv}, has the agent's packages and the kit.
# KIT=path/to/cekura_agent_kit-….whl installs that wheel instead of the released package.
KIT ?= cekura-agent-kit
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \\
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := {venv}/bin

.PHONY: demo test run

# Run the scenarios of cekura.scenarios.yaml against this agent, on this machine: no key, no cloud.
demo: {venv}/.ready
	@mkdir -p reports
	$(BIN)/cekura-kit run --sandbox cekura.yaml --json reports/demo.json --html reports/demo.html

# Test the agent in pytest, in memory.
test: {venv}/.ready
	$(BIN)/python -m pytest tests/test_cekura.py

# Run the scenarios of cekura.yaml on Cekura, against your LiveKit project, with the keys in .env. Runs cost money.
run: {venv}/.ready
	@mkdir -p reports
	$(BIN)/cekura-kit run cekura.yaml --json reports/run.json --html reports/run.html

{venv}/.ready: {needs}
	@test -n "$(PYTHON)" || {{ echo "Python 3.11 or later is needed."; exit 1; }}
	$(PYTHON) -m venv {venv}
	@echo '*' > {venv}/.gitignore
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python {packages} \\
		'$(KIT)[sandbox]' pytest pytest-asyncio
	@touch $@
"""


@dataclass(frozen=True)
class Packages:
    """The agent's own packages.

    Attributes:
        file: the file that lists them; empty if the repo has none.
        arguments: of ``uv pip install``.
        advice: how to add the kit to them.
    """

    file: str
    arguments: str
    advice: str


def packages_of(root: Path, parts: Parts) -> Packages:
    """Return how a repo's packages are installed, by its files."""
    project = _pyproject(root)
    if "dependencies" in project.get("project", {}):
        advice = "add `cekura-agent-kit` to the dependencies in pyproject.toml"
        if (root / "uv.lock").exists():
            advice = "uv add cekura-agent-kit"
        elif (root / "poetry.lock").exists():
            advice = "poetry add cekura-agent-kit"
        return Packages("pyproject.toml", "-r pyproject.toml", advice)
    for name in ("requirements.txt", "requirements/base.txt", "requirements/main.txt"):
        if (root / name).is_file():
            return Packages(name, f"-r {name}", f"add the line `cekura-agent-kit` to {name}")
    if "poetry" in project.get("tool", {}):
        return Packages("pyproject.toml", ".", "poetry add cekura-agent-kit")
    plugins = [f"livekit-plugins-{each.replace('_', '-')}" for each in parts.plugins]
    return Packages(
        "", " ".join(["livekit-agents", *plugins]), "install `cekura-agent-kit` where the agent is installed"
    )


def added_files(agent: FoundAgent, parts: Parts) -> dict[Path, str]:
    """Return the texts of the files for a repo with an agent, by relative path."""
    packages = packages_of(agent.root, parts)
    name = name_of(agent.root)
    make = _MAKE.format(venv=_VENV, needs=packages.file or agent.file, packages=packages.arguments)
    return {
        SUITE: suite(name, agent.target, parts),
        SCHEMA: suite_schema(),
        Path(SCENARIOS): scenarios(parts),
        Path(RULES): rules(parts),
        Path("tests/test_cekura.py"): test_file(agent.target, parts),
        MAKEFILE: make,
        WORKFLOW: workflow(agent.root, packages, parts),
    }


def workflow(root: Path, packages: Packages, parts: Parts) -> str:
    """Return the template's workflow with this repo's commands, keys and main branch."""
    text = template_file(WORKFLOW)
    keys = "".join(f"          {key}: ${{{{ secrets.{key} }}}}\n" for key in parts.keys)
    changes = [
        ("make .venv/.ready", f"make -f {MAKEFILE} {_VENV}/.ready"),
        ("run: make test", f"run: make -f {MAKEFILE} test"),
        ("run: make demo", f"run: make -f {MAKEFILE} demo"),
        (".venv/bin/", f"{_VENV}/bin/"),
        ("cache-dependency-path: pyproject.toml", f"cache-dependency-path: {packages.file or MAKEFILE}"),
        (_OPENAI_KEY, keys),
    ]
    if (branch := main_branch(root)) != "main":
        changes += [("branches: [main]", f"branches: [{branch}]"), ('== "main"', f'== "{branch}"')]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def main_branch(root: Path) -> str:
    """Return the name of the remote's main branch, as git keeps it; ``main`` if it does not."""
    try:
        head = (root / ".git/refs/remotes/origin/HEAD").read_text()
    except (OSError, ValueError):
        return "main"
    name = head.strip().removeprefix("ref: refs/remotes/origin/")
    return name if name.replace("-", "").replace("_", "").isalnum() else "main"


def _pyproject(root: Path) -> dict[str, dict[str, object]]:
    try:
        return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
