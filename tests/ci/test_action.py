"""`action.yml` and GitLab's component, by their own steps, with a program in the place of `cekura-kit`.

`python -m tests.ci` runs the real one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci import gitlab
from tests.ci.github import Job, Runner, programs, stand_in_gh

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
REPORT = {"outcome": "failed", "runs": [{"outcome": each} for each in ("passed", "failed", "failed", "skipped")]}
PYTHON = f"""
case "$1 $2" in
  "-m cekura_agent_kit")
    shift 2; for each in "$@"; do printf '[%s]' "$each"; done >> commands; echo >> commands
    case "$1" in
      --version) echo cekura-kit 9.8.7 ;;
      run) mkdir -p out/cekura.logs; echo '{json.dumps(REPORT)}' > out/cekura.json; echo failed > out/cekura.md
           exit ${{CODE:-0}} ;;
    esac ;;
  "-c import cekura_agent_kit") test -z "$NOT_INSTALLED" ;;
  "-m pip") echo "$@" >> commands ;;
  *) exec "{sys.executable}" "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="the stand-in for `gh` needs jq"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    programs(folder, py=PYTHON)
    return folder


def act(folder: Path, inputs: dict[str, str], environment: dict[str, str] | None = None, **given: Any) -> Job:
    gh = folder.parent / "gh"
    found = gh / "bin" if gh.exists() else stand_in_gh(gh)
    runner = Runner(folder, environment=environment, programs=found, **given)
    return runner.action(ACTION, {"python": "./py", "reports": "out"} | inputs)


def commands(folder: Path) -> list[str]:
    return (folder / "commands").read_text().splitlines()


REPORTS = "[--json][out/cekura.json][--junit][out/cekura.xml][--html][out/cekura.html][--markdown][out/cekura.md]"


def test_in_the_sandbox_it_sweeps_nothing(folder: Path) -> None:
    job = act(folder, {"sandbox": "true", "mode": "text", "suite": "a b/cekura.yaml"})
    assert job.result == "success"
    assert commands(folder)[1:] == [f"[run][a b/cekura.yaml][--sandbox][--mode][text]{REPORTS}"]
    (cache,) = [step for step in job.steps if step.name == "Keep the livekit-server"]
    assert cache.given["key"] == "livekit-server-cekura-kit-9.8.7-Linux-X64"


def test_on_cekura_it_sweeps_whatever_happened(folder: Path) -> None:
    job = act(folder, {}, {"CODE": "1"})
    assert job.result == "failure"
    assert commands(folder)[1:] == [
        f"[run][cekura.yaml][--suite-id][gh-4711-1]{REPORTS}",
        "[sweep][--suite-id][gh-4711-1]",
    ]
    assert "Keep the livekit-server" not in job.ran
    assert job.outputs == {
        "outcome": "failed",
        "passed": "1",
        "failed": "2",
        "errored": "0",
        "skipped": "1",
        "json": "out/cekura.json",
        "junit": "out/cekura.xml",
        "html": "out/cekura.html",
        "markdown": "out/cekura.md",
    }
    assert job.artifacts["cekura-report"].keys() == {"cekura.json", "cekura.md"}
    cancelled = act(folder, {"comment": "true"}, cancelled_in="Run the suite")
    assert "Delete rooms that are left" in cancelled.ran
    assert "Comment on the pull request" not in cancelled.ran


def test_a_baseline_is_used_where_it_exists(folder: Path) -> None:
    job = act(folder, {"sandbox": "true", "baseline": "main.json", "fail-on": "new"})
    assert "There is no baseline main.json" in job.output
    assert "baseline" not in commands(folder)[-1]
    (folder / "main.json").touch()
    act(folder, {"sandbox": "true", "baseline": "main.json", "fail-on": "new"})
    assert "[--baseline][main.json][--fail-on][new]" in commands(folder)[-1]


def test_options_of_which_none_becomes_a_part_of_the_script(folder: Path) -> None:
    act(folder, {"options": "--fail-fast\n--name\n$(touch broken) x\n"})
    assert "[--fail-fast][--name][$(touch broken) x]" in commands(folder)[1]
    assert not (folder / "broken").exists()
    # Inputs are variables of the scripts, never their text.
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    assert [step["name"] for step in steps if "${{" in step.get("run", "")] == []


def test_the_kit_is_installed_where_it_is_missing(folder: Path) -> None:
    act(folder, {"sandbox": "true"}, {"NOT_INSTALLED": "1"})
    assert commands(folder)[0].endswith(f"{ROOT}[sandbox]")
    act(folder, {}, {"NOT_INSTALLED": "1"})
    assert [line for line in commands(folder) if line.startswith("-m pip")][-1].endswith(str(ROOT))


def test_a_pull_request_has_one_comment(folder: Path) -> None:
    payload = {"pull_request": {"number": 7}}
    for _ in range(2):
        act(folder, {"comment": "true"}, event="pull_request", payload=payload)
    (comment,) = json.loads((folder.parent / "gh/state/comments.json").read_text())
    assert comment["body"] == "<!-- cekura-kit -->\nfailed\n"
    assert "Comment on the pull request" not in act(folder, {}, event="pull_request", payload=payload).ran
    assert "Comment on the pull request" not in act(folder, {"comment": "true"}).ran


def test_template_and_action_find_the_comment_in_one_way() -> None:
    template = yaml.safe_load((ROOT / "agent_template/.github/workflows/cekura.yml").read_text())
    steps = [*template["jobs"]["hosted"]["steps"], *yaml.safe_load(ACTION.read_text())["runs"]["steps"]]
    scripts = [step["run"] for step in steps if step.get("name") == "Comment on the pull request"]
    plain = {re.sub(r'"?\$REPORTS/|"?reports/|"', "", script) for script in scripts}
    assert len(scripts) == 2
    assert len({script.replace("body=@$REPORTS/", "body=@") for script in plain}) == 1


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_gitlab_s_job(folder: Path, shell: str) -> None:
    inputs: dict[str, object] = {"python": "./py", "install": "touch installed", "reports": "out"}
    code, _ = gitlab.run(folder, inputs, environment={}, shell=shell)
    assert code == 0
    assert (folder / "installed").exists()
    assert commands(folder) == [f"[run][cekura.yaml]{REPORTS}[--sandbox]"]
    (folder / "main.json").touch()
    hosted = inputs | {"sandbox": False, "mode": "text", "baseline": "main.json", "fail_on": "new"}
    code, _ = gitlab.run(folder, hosted, environment={"CODE": "1", "NOT_INSTALLED": "1"}, shell=shell)
    assert code == 1
    assert commands(folder)[1:] == [
        "-m pip install --quiet cekura-agent-kit[sandbox]",
        f"[run][cekura.yaml]{REPORTS}[--suite-id][gl-99][--mode][text][--baseline][main.json][--fail-on][new]",
        "[sweep][--suite-id][gl-99]",
    ]
