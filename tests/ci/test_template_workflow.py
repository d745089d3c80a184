"""The template's workflow, by its own steps: what runs when, and what becomes of the reports.

`make`, `cekura-kit` and `gh` are replaced by programs that note their arguments. `python -m tests.ci` runs the real
ones, as `make template` does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github import Job, Runner, copy_of, programs, stand_in_gh

TEMPLATE = Path(__file__).parents[2] / "agent_template"
WORKFLOW = ".github/workflows/cekura.yml"
SECRETS = {
    "LIVEKIT_URL": "wss://agent.livekit.cloud",
    "LIVEKIT_API_KEY": "key",
    "LIVEKIT_API_SECRET": "secret",
    "CEKURA_API_KEY": "cekura",
}
EMPTY = dict.fromkeys(SECRETS, "")
KIT = """
echo "$@" >> commands
case "$1" in
  --version) echo cekura-kit 9.8.7 ;;
  run) case "$*" in
    *--dry-run*) exit ${BASELINE_CODE:-0} ;;
    *) mkdir -p reports/cekura.logs; echo '{"outcome": "'${OUTCOME:-passed}'"}' > reports/cekura.json
       echo "verdict ${OUTCOME:-passed}" > reports/cekura.md; echo log > reports/cekura.logs/1.log
       exit ${CODE:-0} ;;
  esac ;;
esac
"""
RUN, SWEEP, COMMENT = "Scenarios on Cekura", "Delete rooms that are left", "Comment on the pull request"

pytestmark = pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="the stand-in for `gh` needs jq"
)


class Repository:
    """A repository made of the template, on a stand-in for GitHub."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_of(TEMPLATE, folder / "repo")
        programs(self.folder / ".venv/bin", **{"cekura-kit": KIT})
        self._programs = stand_in_gh(folder / "gh")
        programs(self._programs, make="mkdir -p reports; echo {} > reports/demo.json")
        self.state = folder / "gh/state"

    def run(self, event: str, payload: Mapping[str, Any], secrets: Mapping[str, str], **given: Any) -> dict[str, Job]:
        runner = Runner(
            self.folder,
            event=event,
            payload=payload,
            secrets=secrets,
            environment=given.pop("environment", {}),
            programs=self._programs,
            **given,
        )
        return runner.workflow(self.folder / WORKFLOW)

    def commands(self, which: str) -> list[str]:
        """Lines of arguments of `cekura-kit`, those that begin so."""
        return [line for line in (self.folder / "commands").read_text().splitlines() if line.startswith(which)]

    def comments(self) -> list[dict[str, Any]]:
        file = self.state / "comments.json"
        return json.loads(file.read_text()) if file.exists() else []

    def keep_report_of_main(self, **workflow_run: Any) -> None:
        """Add an artifact of an earlier run, the newest first, as GitHub lists them."""
        file = self.state / "artifacts.json"
        of_main = {"id": 90, "head_branch": "main", "head_repository_id": 1, "repository_id": 1}
        run = of_main | workflow_run
        stored = json.loads(file.read_text()) if file.exists() else []
        file.write_text(json.dumps([{"expired": False, "workflow_run": run}, *stored]))
        files = self.state / f"cekura-baseline-{run['id']}"
        files.mkdir()
        (files / "cekura.json").write_text("{}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def pull_request(*labels: str, **event: Any) -> dict[str, Any]:
    return {
        "action": "synchronize",
        "pull_request": {"number": 7, "labels": [{"name": each} for each in labels]},
    } | event


@pytest.mark.parametrize(
    ("event", "payload", "secrets", "notice"),
    [
        ("push", {}, {}, "The secrets are not set"),
        ("push", {}, EMPTY, "The secrets are not set"),
        ("push", {}, SECRETS | {"LIVEKIT_API_SECRET": ""}, "The secrets are not set"),
        ("pull_request", pull_request(), SECRETS, "Add the label cekura"),
        ("pull_request", pull_request("bug"), SECRETS, "Add the label cekura"),
        # A fork's pull request gets no secret, whatever its labels are.
        ("pull_request", pull_request("cekura"), EMPTY, "not given to a fork"),
    ],
)
def test_it_passes_without_runs_on_cekura(
    repository: Repository, event: str, payload: dict[str, Any], secrets: dict[str, str], notice: str
) -> None:
    jobs = repository.run(event, payload, secrets)
    assert jobs["local"].result == "success"
    assert {"Tests in memory", "Scenarios in the sandbox"} < set(jobs["local"].ran)
    assert notice in jobs["local"].output
    assert jobs["hosted"].result == "skipped"
    assert repository.commands("run") == []
    assert jobs["local"].artifacts["cekura-sandbox"].keys() == {"demo.json"}


def test_the_server_is_kept_for_each_version_of_the_kit(repository: Repository) -> None:
    (cache,) = [step for step in repository.run("push", {}, {})["local"].steps if "actions/cache@" in step.name]
    assert cache.given == {
        "path": "~/.cache/cekura-agent-kit",
        "key": "livekit-server-cekura-kit-9.8.7-Linux-X64",
    }


def test_main_runs_on_cekura_and_keeps_its_report(repository: Repository) -> None:
    hosted = repository.run("push", {}, SECRETS)["hosted"]
    assert hosted.result == "success"
    (run,) = repository.commands("run")
    assert "--suite-id gh-4711-1" in run
    assert "--baseline" not in run
    assert repository.commands("sweep") == ["sweep --suite-id gh-4711-1"]
    assert hosted.artifacts["cekura-report"].keys() == {"cekura.json", "cekura.md", "cekura.logs/1.log", "demo.json"}
    assert hosted.artifacts["cekura-baseline"].keys() == {"cekura.json"}
    assert COMMENT not in hosted.ran


def test_a_report_in_which_nothing_was_judged_is_no_baseline(repository: Repository) -> None:
    environment = {"OUTCOME": "errored", "CODE": "2"}
    hosted = repository.run("push", {}, SECRETS, environment=environment)["hosted"]
    assert hosted.result == "failure"
    assert hosted.artifacts.keys() == {"cekura-report"}


def test_a_labelled_pull_request_is_compared_with_main_and_has_one_comment(repository: Repository) -> None:
    repository.keep_report_of_main()
    (repository.state / "comments.json").write_text(
        json.dumps([{"id": 1, "user": {"login": "somebody"}, "body": "<!-- cekura-kit --> not the workflow's"}])
    )
    for outcome, code in (("failed", "1"), ("passed", "0")):
        environment = {"OUTCOME": outcome, "CODE": code}
        hosted = repository.run("pull_request", pull_request("cekura"), SECRETS, environment=environment)["hosted"]
        assert hosted.result == ("failure" if outcome == "failed" else "success")
        assert {RUN, SWEEP, COMMENT} < set(hosted.ran)
        other, comment = repository.comments()
        assert other["body"].endswith("not the workflow's")
        assert comment["body"] == f"<!-- cekura-kit -->\nverdict {outcome}\n"
        assert hosted.artifacts.keys() == {"cekura-report"}
        shutil.rmtree(repository.folder / "baseline")
    assert all("--baseline baseline/cekura.json" in run for run in repository.commands("run"))


@pytest.mark.parametrize(
    ("reports", "environment", "said"),
    [
        ([], {}, "There is no report of main yet"),
        ([{"head_repository_id": 2}], {}, "There is no report of main yet"),
        ([{"head_branch": "feature"}], {}, "There is no report of main yet"),
        ([{}], {"BASELINE_CODE": "2"}, "Its report does not fit this suite"),
        ([{}], {"GH_REFUSES": "1"}, "The list of artifacts could not be read"),
    ],
)
def test_without_a_report_of_main_it_runs_all_the_same(
    repository: Repository, reports: list[dict[str, Any]], environment: dict[str, str], said: str
) -> None:
    for report in reports:
        repository.keep_report_of_main(**report)
    payload = pull_request("cekura")
    hosted = repository.run("pull_request", payload, SECRETS, environment=environment)["hosted"]
    assert hosted.result == "success"
    assert said in hosted.output
    assert "--baseline" not in repository.commands("run")[-1]


def test_a_cancelled_job_cleans_up_and_says_nothing(repository: Repository) -> None:
    hosted = repository.run("pull_request", pull_request("cekura"), SECRETS, cancelled_in=RUN)["hosted"]
    assert hosted.result == "cancelled"
    assert SWEEP in hosted.ran
    assert hosted.artifacts.keys() == {"cekura-report"}
    assert repository.comments() == []


def test_a_label_of_another_kind_starts_nothing(repository: Repository) -> None:
    payload = pull_request("cekura", "bug", action="labeled", label={"name": "bug"})
    jobs = repository.run("pull_request", payload, SECRETS)
    assert {job.result for job in jobs.values()} == {"skipped"}
    payload = pull_request("cekura", action="labeled", label={"name": "cekura"})
    assert repository.run("pull_request", payload, SECRETS)["hosted"].result == "success"
