"""The workflow of an agent's repository, by its own steps and programs: ``python -m tests.ci FOLDER``.

First as GitHub runs it before any secret is set; then with secrets, which are those of a sandbox. Both must pass, and
the second must have run the suite against the sandbox's Cekura. Then the steps of `action.yml` and of GitLab's
component run the suite in the sandbox. Variables of the command reach the steps: KIT and PYTHON of the Makefile.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from cekura_agent_kit.sandbox import Sandbox
from tests.ci import gitlab
from tests.ci.github import Job, Runner, stand_in_gh

ACTION = Path(__file__).parents[2] / "action.yml"
WORKFLOW = ".github/workflows/cekura.yml"
KEYS = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "CEKURA_API_KEY", "OPENAI_API_KEY")


def run(folder: Path, secrets: dict[str, str], environment: dict[str, str]) -> dict[str, Job]:
    with tempfile.TemporaryDirectory() as place:
        runner = Runner(
            folder,
            secrets=secrets,
            environment=environment,
            programs=stand_in_gh(Path(place, "gh")),
            say=lambda step: print(f"  {step}", flush=True),
        )
        return runner.workflow(folder / WORKFLOW)


def require(jobs: dict[str, Job], **results: str) -> None:
    found = {name: job.result for name, job in jobs.items()}
    if found != results:
        output = "".join(job.output for job in jobs.values())
        sys.exit(f"{output}\nthe jobs ended with {found}, not {results}")


async def with_secrets(folder: Path) -> dict[str, Job]:
    async with Sandbox(folder / "cekura.scenarios.yaml") as sandbox:
        box = dict(sandbox.environment)
        secrets = {name: box.pop(name) for name in KEYS}
        return await asyncio.to_thread(run, folder, secrets, box)


def main(folder: Path) -> None:
    print("With every secret empty:", flush=True)
    require(run(folder, dict.fromkeys(KEYS, ""), {}), local="success", hosted="skipped")
    print("With secrets:", flush=True)
    jobs = asyncio.run(with_secrets(folder))
    require(jobs, local="success", hosted="success")
    report = json.loads((folder / "reports/cekura.json").read_text())
    runs = [run["outcome"] for run in report["runs"]]
    if report["suite_id"] != "gh-4711-1" or set(runs) != {"passed"} or not report["results"]:
        sys.exit(f"{jobs['hosted'].output}\nthe hosted runs: {runs}, {report['suite_id']}")
    for name in ("cekura-report", "cekura-baseline", "cekura-sandbox"):
        uploaded = [files for job in jobs.values() for key, files in job.artifacts.items() if key == name]
        if not uploaded or not uploaded[0]:
            sys.exit(f"no artifact {name}")
    if "passed" not in jobs["local"].summary or "passed" not in jobs["hosted"].summary:
        sys.exit("no summary of a step has the verdict")
    print(f"The workflow passes, and {len(runs)} hosted runs did.", flush=True)
    with_action(folder)
    with_component(folder)


def with_action(folder: Path) -> None:
    inputs = {"sandbox": "true", "mode": "text", "python": ".venv/bin/python", "reports": "reports/action"}
    job = Runner(folder).action(ACTION, inputs)
    if job.result != "success" or (job.outputs["outcome"], job.outputs["failed"]) != ("passed", "0"):
        sys.exit(f"{job.output}\nthe action ended with {job.result}, {job.outputs}")
    if not {"cekura.json", "cekura.xml", "cekura.html", "cekura.md"} <= job.artifacts["cekura-report"].keys():
        sys.exit(f"the action's artifact has {sorted(job.artifacts['cekura-report'])}")
    print(f"The action passes: {job.outputs['passed']} runs in the sandbox.", flush=True)


def with_component(folder: Path) -> None:
    python = str(folder / ".venv/bin/python")
    inputs = {"mode": "text", "python": python, "install": "true", "reports": "reports/gitlab"}
    code, printed = gitlab.run(folder, inputs, environment={"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", "")})
    if code or not (folder / "reports/gitlab/cekura.xml").exists():
        sys.exit(f"{printed}\nGitLab's job ended with {code}")
    print("GitLab's job passes.")


if __name__ == "__main__":
    os.environ.pop("VIRTUAL_ENV", None)
    main(Path(sys.argv[1]).resolve())
