"""The tests of what runs beside livekit-agents, on other versions: ``python -m tests.matrix`` (both ends), ``… all``
(each one), or those whose name holds a word: ``… agents1.7``.

An environment for each is made once, beside the packages of the one that runs this. A Python that this machine lacks is
skipped with a word; where CI is set, it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = [
    "tests/agent",
    *(f"tests/worker/test_{what}.py" for what in ("serve", "environment", "deaths", "preload")),
    "tests/test_contract.py",
    *(
        f"tests/rehearsal/test_{what}.py"
        for what in (
            "room",
            "server_api",
            "parity",
            "rehearse",
            "hanging_up",
            "waiting",
            "models",
            "modules",
            "target",
            "leftovers",
        )
    ),
]


@dataclass(frozen=True)
class Versions:
    """One cell: a Python, a range of livekit-agents, and which end of our own dependencies."""

    python: str
    agents: str
    resolution: str = "highest"

    @property
    def name(self) -> str:
        agents = re.sub(r"[=<>,*]", "", self.agents) or "newest"
        return f"python{self.python}-agents{agents}-{self.resolution}"


LOWEST = Versions("3.11", "==1.6.0", "lowest-direct")
NEWEST = Versions("3.13", "")
ENDS = [LOWEST, NEWEST]
ALL = [
    LOWEST,
    *(Versions(python, agents) for python in ("3.11", "3.12", "3.13") for agents in ("==1.6.0", "==1.7.*", "")),
]


def environment() -> dict[str, str]:
    """For uv: every Python of pyenv is to be seen, whose shims fail unless they are named; none is downloaded."""
    given = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    given.pop("VIRTUAL_ENV", None)
    if pyenv := shutil.which("pyenv"):
        listed = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True, check=False).stdout
        given["PYENV_VERSION"] = ":".join(listed.split())
    return given


def uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    return subprocess.run(
        [program, *map(str, arguments)], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )


def prepare(versions: Versions) -> Path | None:
    """The Python of an environment with these versions; None where this machine has no such Python."""
    folder = Path(sys.prefix) / "matrix" / versions.name
    python = folder / "bin" / "python"
    if uv("python", "find", versions.python).returncode:
        return None
    if not python.exists():
        check(uv("venv", "--quiet", "--python", versions.python, folder))
    extras = ["--group", "dev", "--editable", ".[tracing]", f"livekit-agents{versions.agents}"]
    check(uv("pip", "install", "--quiet", "--python", python, "--resolution", versions.resolution, *extras))
    return python


def check(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        sys.exit(f"{' '.join(done.args)}\n{done.stdout}{done.stderr}")


def wanted(words: list[str]) -> list[Versions]:
    """The cells that the command line asks for."""
    if words in ([], ["all"]):
        return ALL if words else ENDS
    cells = [versions for versions in ALL if any(word in versions.name for word in words)]
    if not cells:
        sys.exit(f"no such versions; there are {', '.join(versions.name for versions in ALL)}")
    return cells


def main() -> int:
    failed = []
    for versions in wanted(sys.argv[1:]):
        print(f"== {versions.name}", flush=True)
        python = prepare(versions)
        if python is None:
            print(f"skipped: there is no Python {versions.python} on this machine", flush=True)
            if os.environ.get("CI"):
                failed.append(versions.name)
            continue
        installed = "from importlib.metadata import version as v; print(*(f'{n} {v(n)}' for n in "
        installed += "('livekit-agents', 'livekit', 'livekit-api', 'httpx', 'pydantic', 'cekura')), sep=', ')"
        subprocess.run([python, "-c", installed], cwd=ROOT, check=True)
        tests = [str(python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *TESTS]
        if subprocess.run(tests, cwd=ROOT, check=False).returncode:
            failed.append(versions.name)
    print("failed: " + ", ".join(failed) if failed else "all passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
