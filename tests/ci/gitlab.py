"""A component of GitLab CI/CD whose own scripts are run in a folder on this machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

_INPUT = re.compile(r"\$\[\[\s*inputs\.(\w+)\s*\]\]")
COMPONENT = Path(__file__).parents[2] / "templates/cekura.yml"


def documents(file: Path = COMPONENT) -> tuple[dict[str, Any], str]:
    """Return the component's header, and the text of its jobs."""
    header, _, body = file.read_text().partition("\n---\n")
    return yaml.safe_load(header), body


def jobs(inputs: Mapping[str, object], file: Path = COMPONENT) -> dict[str, Any]:
    """Return the component's jobs with some inputs."""
    header, body = documents(file)
    declared = header["spec"]["inputs"]
    assert inputs.keys() <= declared.keys()
    values = {name: each["default"] for name, each in declared.items()} | dict(inputs)

    def text(hole: re.Match[str]) -> str:
        value = values[hole[1]]
        return str(value).lower() if isinstance(value, bool) else str(value)

    return yaml.safe_load(_INPUT.sub(text, body))


def run(
    folder: Path, inputs: Mapping[str, object], *, environment: Mapping[str, str], shell: str = "bash"
) -> tuple[int, str]:
    """Run the job as a runner does: its two scripts in one shell, then `after_script` in another.

    Returns:
        The exit code of the first, and what all printed.
    """
    ((_, job),) = jobs(inputs).items()
    variables = {"CI_JOB_ID": "99", "CI_PROJECT_DIR": str(folder), "CI": "true", "GITLAB_CI": "true"}
    for name, value in job["variables"].items():
        variables[name] = Template(value).safe_substitute(variables)
    machine = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_"))}
    codes, printed = [], ""
    for lines in ([*job["before_script"], *job["script"]], job["after_script"]):
        strict = "set -eo pipefail" if shell == "bash" else "set -e"
        done = subprocess.run(
            [shell, "-c", "\n".join([strict, *lines])],
            cwd=folder,
            env={**machine, **variables, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        codes.append(done.returncode)
        printed += done.stdout
    return codes[0], printed
