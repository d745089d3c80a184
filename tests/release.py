"""The package as a release: ``python -m tests.release`` builds wheel and sdist, checks what is in them, and runs the
template from each in an empty environment, on the lowest Python that is promised and on each newer one.

`… --dist FOLDER` checks what is there instead. A Python that this machine lacks is named, and fails where CI is set.
"""

from __future__ import annotations

import argparse
import email
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import cekura_agent_kit
from tests.matrix import environment, uv

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
INSIDE = (
    "cekura_agent_kit/py.typed",
    "cekura_agent_kit/report/templates/report.html.j2",
    "cekura_agent_kit/agent_template/agent.py",
    "cekura_agent_kit/agent_template/.github/workflows/cekura.yml",
)
"""Files of the wheel without which it works in a checkout alone."""


def pages() -> Iterator[str]:
    """Yield what the repo's own pages lack for a release of this version."""
    version = cekura_agent_kit.__version__
    minor = version.rpartition(".")[0]
    if not re.search(rf"^## (Unreleased: )?{re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        yield f"CHANGELOG.md has no section for {version}"
    template = tomllib.loads((ROOT / "agent_template/pyproject.toml").read_text())
    needed = [*template["project"]["dependencies"], *template["dependency-groups"]["test"]]
    if [each for each in needed if each.startswith("cekura-agent-kit") and not each.endswith(f">={minor}")]:
        yield f"agent_template/pyproject.toml does not ask for cekura-agent-kit>={minor}"
    for page, text in (("docs/ci.md", f"cekura-agent-kit@v{minor}"), ("docs/ci.md", f"cekura@{minor}")):
        if text not in (ROOT / page).read_text():
            yield f"{page} does not name {text}"
    written = [
        path.relative_to(ROOT).as_posix()
        for folder in ("cekura_agent_kit", "agent_template", "docs", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml", ".md") and f'"{version}"' in path.read_text("utf-8")
    ]
    if written != ["cekura_agent_kit/__init__.py"]:
        yield f"the version is written in {', '.join(written)}"


def contents(dist: Path) -> Iterator[str]:
    """Yield what wheel and sdist lack."""
    version = cekura_agent_kit.__version__
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"cekura_agent_kit-{version}.dist-info/METADATA").decode()
    yield from (f"{wheel.name} has no {name}" for name in INSIDE if name not in names)
    strange = sorted(
        {name.split("/")[0] for name in names} - {"cekura_agent_kit", f"cekura_agent_kit-{version}.dist-info"}
    )
    yield from (f"{wheel.name} has {name}, which would be a package of its own" for name in strange)
    yield from described(email.message_from_string(metadata), wheel.name)
    with tarfile.open(sdist) as archive_of_source:
        there = set(archive_of_source.getnames())
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "action.yml", "agent_template/agent.py"):
        if f"cekura_agent_kit-{version}/{name}" not in there:
            yield f"{sdist.name} has no {name}"


def described(metadata: Message, name: str) -> Iterator[str]:
    """Yield what the metadata lacks that an index shows."""
    classifiers = metadata.get_all("Classifier", [])
    for python in PYTHONS:
        if f"Programming Language :: Python :: {python}" not in classifiers:
            yield f"{name} has no classifier for Python {python}"
    yield from (
        f"{name} has no {field}" for field in ("Summary", "Keywords", "License-Expression") if not metadata[field]
    )
    if "cekura-kit run" not in str(metadata.get_payload()):
        yield f"{name} does not have README.md as its description"


def interpreters() -> dict[str, Path | None]:
    """Return each Python by its version; for 3.11 the lowest patch of this machine."""
    found: dict[str, Path | None] = {}
    for python in PYTHONS:
        places = uv("python", "list", "--only-installed", python).stdout.splitlines()
        paths = [(tuple(map(int, re.findall(r"\d+", line.split("-")[1])[:3])), line.split()[1]) for line in places]
        found[python] = _program(min(paths)[1]) if paths else None
    return found


def _program(python: str) -> Path:
    """Return the interpreter behind a name that a version manager offers."""
    command = [python, "-c", "import sys; print(sys.executable)"]
    return Path(subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout.strip())


def try_out(package: Path, python: Path) -> bool:
    """Install a package in an empty environment, and run what it writes. Print how it went."""
    began = time.monotonic()
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        steps: list[list[str | Path]] = [
            ["venv", "--quiet", "--python", python, folder / "env"],
            ["pip", "install", "--quiet", "--python", folder / "env/bin/python", package],
        ]
        for step in steps:
            if (done := uv(*step)).returncode:
                return _told(f"{version}, {package.name}", done.stdout + done.stderr)
        kit = folder / "env/bin/cekura-kit"
        given = environment() | {"KIT": str(package), "PYTHON": str(python)}
        for command in ([kit, "--version"], [kit, "init", folder / "my-agent"], ["make", "test", "demo"]):
            here = folder / "my-agent" if command[0] == "make" else folder
            ended = subprocess.run(
                [str(each) for each in command], cwd=here, env=given, capture_output=True, text=True, check=False
            )
            if ended.returncode:
                return _told(f"{version}, {package.name}: {command}", ended.stdout + ended.stderr)
    print(f"{version}, {package.name}: the template passes ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def _told(what: str, printed: str) -> bool:
    print(f"{what}: failed\n{printed}", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dist", type=Path)
    dist = parser.parse_args().dist
    with tempfile.TemporaryDirectory() as place:
        if dist is None:
            dist = Path(place)
            if (done := uv("build", "--quiet", "--out-dir", dist)).returncode:
                sys.exit(done.stdout + done.stderr)
        missing = [*pages(), *contents(dist)]
        print(*missing, sep="\n", end="\n" if missing else "", flush=True)
        good = not missing
        for version, python in interpreters().items():
            if python is None:
                print(f"there is no Python {version} on this machine", flush=True)
                good = good and not os.environ.get("CI")
                continue
            for package in (*dist.glob("*.whl"), *dist.glob("*.tar.gz")):
                good = try_out(package, python) and good
    print("ready for a release" if good else "not ready for a release")
    return not good


if __name__ == "__main__":
    sys.exit(main())
