"""`cekura-kit init --apply` in each repo of `repos`, then its tests and its demo: ``python -m tests.scaffold WHEEL``.

Names of repos after the wheel choose some. Each gets an environment of its own, as its owner would make it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.scaffold.repos import REPOS, Repo, lay

KIT = Path(sys.executable).with_name("cekura-kit")


def run(*command: str | Path, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def try_out(name: str, repo: Repo, wheel: Path) -> bool:
    """Run the commands of one repo; print what went wrong."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV" and "API_KEY" not in key}
    environment |= {"KIT": str(wheel), "PYTHON": sys.executable}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, name)
        lay(repo, folder)
        commands: list[tuple[str | Path, ...]] = [(KIT, "init", ".", "--apply", *repo.options)]
        own = "cekura.mk" if name != "no-agent" else "Makefile"
        commands += [("make", "-f", own, what) for what in ("test", "demo")]
        said = []
        for command in commands:
            code, printed = run(*command, folder=folder, environment=environment)
            if code:
                print(f"{name}: {' '.join(map(str, command))}: exit code {code}\n{printed}", flush=True)
                return False
            said += [line for line in printed.splitlines() if " passed" in line][-1:]
    print(f"{name}: {'; '.join(said)} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main() -> int:
    wheel = Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or list(REPOS)
    failed = [name for name in names if not try_out(name, REPOS[name], wheel)]
    print(f"failed: {', '.join(failed)}" if failed else f"all {len(names)} pass")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
