"""A workflow of GitHub Actions, or a composite action, whose own steps are run in a folder on this machine.

What other actions do (`uses`) is noted and not done, but for uploads: those are copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .expressions import Expressions

_SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
"""https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell"""


@dataclass
class Step:
    """One step that was run, or skipped.

    Attributes:
        name: its name, or what it uses.
        outcome: ``success``, ``failure`` or ``skipped``.
        output: stdout and stderr.
        given: inputs of the action that it uses.
    """

    name: str
    outcome: str
    output: str = ""
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """One job, or one composite action.

    Attributes:
        result: ``success``, ``failure``, ``cancelled`` or ``skipped``.
        steps: its steps, in order.
        outputs: its outputs.
        artifacts: files of each upload, by the names of both.
        summary: the step summaries.
    """

    result: str
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    summary: str = ""

    @property
    def ran(self) -> list[str]:
        """Names of the steps that were not skipped."""
        return [step.name for step in self.steps if step.outcome != "skipped"]

    @property
    def output(self) -> str:
        """Everything that the steps printed."""
        return "".join(step.output for step in self.steps)


class Runner:
    """Runs steps in a folder.

    Args:
        folder: the repository's checkout.
        event: the event's name, ``push`` or ``pull_request``.
        payload: the event.
        secrets: by name. One that is missing is an empty text, as on GitHub.
        environment: variables of the machine.
        programs: folder of programs before those of the machine.
        cancelled_in: name of the step in which the job is cancelled.
        say: called with the name of each step before it is run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        event: str = "push",
        payload: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        programs: Path | None = None,
        cancelled_in: str = "",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._cancelled_in, self._say = cancelled_in, say
        pull_request = event == "pull_request"
        self._github = {
            "event_name": event,
            "event": dict(payload or {}),
            "ref": "refs/pull/7/merge" if pull_request else "refs/heads/main",
            "repository": "someone/agent",
            "run_id": "4711",
            "run_attempt": "1",
            "workflow": "Cekura",
            "token": "a-token",
        }
        self._secrets = dict(secrets or {})
        self._environment = dict(environment or {})
        self._programs = programs

    def workflow(self, file: Path) -> dict[str, Job]:
        """Run the jobs of a workflow, in the order of the file. Each needs at most those before it."""
        jobs: dict[str, Job] = {}
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            needs = {each: {"result": jobs[each].result, "outputs": jobs[each].outputs} for each in needed}
            contexts = self._contexts(needs=needs)
            ended = Expressions(contexts, failed=any(jobs[each].result != "success" for each in needed))
            if ended.holds(job.get("if")):
                jobs[name] = self._steps(job["steps"], contexts, job.get("env", {}), job.get("outputs", {}))
            else:
                jobs[name] = Job("skipped")
        return jobs

    def action(self, file: Path, inputs: Mapping[str, str]) -> Job:
        """Run a composite action with some inputs."""
        action = yaml.safe_load(file.read_text())
        unknown = inputs.keys() - action["inputs"].keys()
        assert not unknown, unknown
        given = {name: str(each.get("default", "")) for name, each in action["inputs"].items()} | dict(inputs)
        outputs = {name: each["value"] for name, each in action.get("outputs", {}).items()}
        contexts = self._contexts(inputs=given)
        contexts["github"] |= {"action_path": str(file.parent)}
        return self._steps(action["runs"]["steps"], contexts, {}, outputs)

    def _contexts(self, **more: Any) -> dict[str, Any]:
        runner = {"os": "Linux", "arch": "X64"}
        return {"github": dict(self._github), "secrets": self._secrets, "runner": runner, "steps": {}, **more}

    def _steps(
        self, steps: Iterable[Mapping[str, Any]], contexts: dict[str, Any], env: Mapping[str, Any], outputs: Any
    ) -> Job:
        job, failed, cancelled = Job("success"), False, False
        with tempfile.TemporaryDirectory() as folder:
            summary = Path(folder, "summary")
            for number, step in enumerate(steps):
                expressions = Expressions(contexts, failed=failed, cancelled=cancelled)
                name = step.get("name") or step.get("uses", "")
                if not expressions.holds(step.get("if")):
                    job.steps.append(Step(name, "skipped"))
                    continue
                self._say(name)
                output = Path(folder, f"output{number}")
                output.touch()
                if "uses" in step:
                    done = self._use(step, expressions, job)
                else:
                    variables = {
                        key: expressions.filled(value) for key, value in {**env, **step.get("env", {})}.items()
                    }
                    variables |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
                    variables |= {"GITHUB_ACTION_PATH": str(contexts["github"].get("action_path", ""))}
                    done = self._run(name, expressions.filled(step["run"]), step.get("shell"), variables)
                job.steps.append(done)
                failed = failed or (done.outcome == "failure" and not step.get("continue-on-error"))
                cancelled = cancelled or name == self._cancelled_in
                if "id" in step:
                    values = dict(line.split("=", 1) for line in output.read_text().splitlines())
                    contexts["steps"][step["id"]] = {"outputs": values, "outcome": done.outcome}
            job.summary = summary.read_text() if summary.exists() else ""
        job.result = "cancelled" if cancelled else "failure" if failed else "success"
        end = Expressions(contexts)
        job.outputs = {name: end.filled(value) for name, value in outputs.items()}
        return job

    def _run(self, name: str, script: str, shell: str | None, variables: Mapping[str, str]) -> Step:
        machine = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_"))}
        if self._programs is not None:
            machine["PATH"] = f"{self._programs}{os.pathsep}{machine['PATH']}"
        github = {f"GITHUB_{key.upper()}": str(self._github[key]) for key in ("repository", "run_id", "event_name")}
        environment = {**machine, **self._environment, "CI": "true", "GITHUB_ACTIONS": "true", **github, **variables}
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(script)
            file.flush()
            done = subprocess.run(
                [*_SHELLS[shell], file.name],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        return Step(name, "failure" if done.returncode else "success", done.stdout)

    def _use(self, step: Mapping[str, Any], expressions: Expressions, job: Job) -> Step:
        given = {key: expressions.filled(value) for key, value in step.get("with", {}).items()}
        name = step.get("name") or step["uses"]
        if step["uses"].startswith("actions/upload-artifact@"):
            path = self._folder / given["path"]
            files = {str(each.relative_to(path)): each for each in path.rglob("*") if each.is_file()}
            files = {path.name: path} if path.is_file() else files
            if not files and given.get("if-no-files-found") != "ignore":
                return Step(name, "failure", f"no files at {path}\n", given)
            job.artifacts[given["name"]] = {key: each.read_bytes() for key, each in files.items()}
        return Step(name, "success", "", given)


def programs(folder: Path, **scripts: str) -> Path:
    """Make a folder of programs, each of which runs a script of the shell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def stand_in_gh(folder: Path) -> Path:
    """Make a folder with the program ``gh`` in it, in the place of GitHub's. Its state is in ``folder / "state"``."""
    state = folder / "state"
    state.mkdir(parents=True)
    program = Path(__file__).with_name("gh.py")
    return programs(folder / "bin", gh=f'GH_STATE="{state}" exec "{sys.executable}" "{program}" "$@"')


def copy_of(template: Path, folder: Path) -> Path:
    """Copy a repository, without what its commands have made."""
    ignored = shutil.ignore_patterns(".venv", "reports", "__pycache__", ".pytest_cache")
    return Path(shutil.copytree(template, folder, ignore=ignored))
