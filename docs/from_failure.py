"""The page "From a failed run to a test", whose session is run anew in the sandbox: ``python docs/from_failure.py``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/from-failure-to-test.md"
RIGHT, WRONG = "SEATS - self._taken[day.lower(), time]", "SEATS - self._taken[day.lower()][time]"
COLUMNS = "112"
PROGRESS = re.compile(r"^ *\d:\d\d\.\d  (?!\[)")
SESSION = re.compile(r"(?<=<!-- session (\d) -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run the session, and write what it printed between the page's marks."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder) / "restaurant"
        shutil.copytree(ROOT / "examples/restaurant", repo, ignore=shutil.ignore_patterns("__pycache__"))
        agent = repo / "agent.py"
        right = agent.read_text(encoding="utf-8")
        assert RIGHT in right, "the example counts seats in another way"
        agent.write_text(right.replace(RIGHT, WRONG), encoding="utf-8")
        blocks = [
            session(repo, ("cekura-kit run --sandbox --scenario 30 --json report.json", 1)),
            session(repo, ("cekura-kit replay report.json 30#1", 1)),
        ]
        agent.write_text(right, encoding="utf-8")
        blocks += [
            session(repo, ("cekura-kit replay report.json 30#1 --save tests", 0)),
            session(repo, ("cat tests/replay_30_1.scenarios.yaml", 0), ("python -m pytest -q tests", 0)),
        ]
    page = SESSION.sub(lambda mark: blocks[int(mark[1]) - 1], PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")


def session(repo: Path, *commands: tuple[str, int]) -> str:
    """Run the commands, and return them with what they printed; each must end with its exit code."""
    lines = []
    for command, code in commands:
        own = {"COLUMNS": COLUMNS, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            command, shell=True, cwd=repo, env=os.environ | own, capture_output=True, text=True, check=False
        )
        printed = done.stdout.replace(f"{repo}/", "").replace(str(repo), ".")
        if done.returncode != code:
            raise SystemExit(f"{command}: exit {done.returncode}, not {code}\n{printed}{done.stderr}")
        shown = [line.rstrip() for line in printed.splitlines() if not PROGRESS.match(line)]
        lines += [f"$ {command}", *shown, f"$ echo $?\n{code}" if "replay" in command and "cat" not in command else ""]
    return "```\n" + "\n".join(lines).strip() + "\n```\n"


if __name__ == "__main__":
    main()
