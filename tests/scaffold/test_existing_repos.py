"""`cekura-kit init` in a repo that has an agent: found, wrapped, and given files of its own.

`python -m tests.scaffold WHEEL` also runs the tests and the demo of each repo.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cekura_agent_kit import KitError, Suite, TargetError
from cekura_agent_kit.cli.commands.init import init
from cekura_agent_kit.file_names import SCENARIOS, default_file
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.models.rules import load_rules
from cekura_agent_kit.scaffold.agents import choose_agent
from cekura_agent_kit.scaffold.wrapping import changes_for
from tests.scaffold.repos import REPOS, Repo, lay

Init = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Init:
    """Lay a repo, run the command in it, and return what it printed."""

    def run(repo: Repo, *, apply: bool = True, agent: str | None = None) -> str:
        if not (tmp_path / "repo").exists():
            lay(repo, tmp_path / "repo")
        wanted = (repo.options or ["", ""])[1] if agent is None else agent
        init(tmp_path / "repo", agent=wanted, apply=apply)
        return capsys.readouterr().out

    return run


def changed(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line[:1] in ("+", "-") and not line.startswith(("+++", "---"))]


@pytest.mark.parametrize("name", REPOS)
def test_the_diff_is_shown_and_applied(name: str, run: Init, tmp_path: Path) -> None:
    repo, folder = REPOS[name], tmp_path / "repo"
    shown = run(repo, apply=False)
    assert all((folder / path).read_text() == text for path, text in repo.files.items())
    assert changed(shown) == repo.diff
    if not repo.diff:
        return
    assert f"init .{' --agent app.py:night' if name == 'two-in-a-file' else ''} --apply" in shown
    applied = run(repo)
    assert changed(applied) == repo.diff
    assert "--apply" not in applied
    found = choose_agent(folder, (repo.options or ["", ""])[1])
    assert found is not None
    assert found.is_wrapped
    assert changes_for(found) == []
    for path, text in repo.files.items():
        after = (folder / path).read_text()
        ast.parse(after) if path.endswith(".py") else None
        assert after == text or path.endswith(".py")


@pytest.mark.parametrize("name", [each for each in REPOS if each != "no-agent"])
def test_suite_scenarios_and_rules_are_those_of_the_agent(name: str, run: Init, tmp_path: Path) -> None:
    repo, folder = REPOS[name], tmp_path / "repo"
    printed = run(repo)
    for words in repo.says:
        assert words in printed
    suite = Suite.load(folder / "cekura.yaml")
    scenarios = load_scenarios(folder / "cekura.scenarios.yaml")
    assert [each.scenario for each in suite.plan()] == list(scenarios)
    assert [each.name for each in scenarios.values()] == ["Is greeted", *(f"Has {tool} called" for tool in repo.tools)]
    assert set(repo.tools) <= suite.tools.keys()
    rules = load_rules(folder / "cekura.models.yaml").rules
    assert {each.call for each in rules if each.call} == set(repo.tools)
    worker, _, _ = str(suite.worker).partition(":")
    assert (folder / worker).is_file()
    test = (folder / "tests/test_cekura.py").read_text()
    ast.parse(test)
    assert f'entrypoint="{suite.worker}"' in test


@pytest.mark.parametrize(
    ("name", "file", "before", "after"),
    [
        ("server", "agent.py", "import logging\n\n", "from dotenv import"),
        ("worker-options", "main.py", "", "from livekit import agents"),
        ("guarded-main", "agent.py", '"""A receptionist."""\n\n', "from livekit.agents import"),
        ("inline", "agent.py", "import functools\n", "from livekit.agents import"),
        ("elsewhere", "assistant/session.py", "annotations\n\n", "from livekit.agents import"),
    ],
)
def test_import_and_decorator_are_where_one_would_write_them(
    name: str, file: str, before: str, after: str, run: Init, tmp_path: Path
) -> None:
    run(REPOS[name])
    text = (tmp_path / "repo" / file).read_text()
    assert f"{before}from cekura_agent_kit import wrap_entrypoint\n{after}" in text
    assert name == "inline" or "@wrap_entrypoint\nasync def " in text


def test_a_repo_without_an_agent_gets_the_template(run: Init, tmp_path: Path) -> None:
    printed = run(REPOS["no-agent"])
    assert "make demo" in printed
    assert (tmp_path / "repo/agent.py").is_file()
    assert (tmp_path / "repo/.gitignore").read_text() == "*.log\n"


def test_several_agents_are_listed(run: Init) -> None:
    with pytest.raises(TargetError, match="has 2 agents") as raised:
        run(REPOS["several"], agent="")
    assert "agents/sales.py (agents/sales.py:8 sales), agents/support.py" in raised.value.hint
    with pytest.raises(TargetError, match=r"app\.py: there is no such Python file"):
        run(REPOS["several"], agent="app.py")
    with pytest.raises(TargetError, match="no entrypoint of that name"):
        run(REPOS["several"], agent="agents/sales.py:buy")


def test_an_agent_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no such Python file"):
        init(tmp_path / "new", agent="agent.py")
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten_and_a_second_time_adds_nothing(run: Init, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    run(REPOS["server"])
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    (folder / "cekura.models.yaml").unlink()
    printed = run(REPOS["server"])
    assert "is there, so only what is independent of it is written" in printed
    assert "was wrapped already" in printed
    assert f"  cd {folder}" in printed
    del before[folder / "cekura.models.yaml"]
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_an_agent_py_without_an_agent_is_not_given_the_template_s_scenarios(run: Init, tmp_path: Path) -> None:
    repo = Repo({"agent.py": "print('an agent of another kind')\n"}, [])
    with pytest.raises(KitError, match="no LiveKit agent was found in it"):
        run(repo)
    assert [path.name for path in (tmp_path / "repo").iterdir()] == ["agent.py"]


def test_line_ends_encoding_and_mode_stay(run: Init, tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\n# Caf\xe9\n" + REPOS["server"].files["agent.py"]
    file = tmp_path / "repo/agent.py"
    file.parent.mkdir()
    file.write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    file.chmod(0o755)
    run(REPOS["server"])
    after = file.read_bytes().decode("latin-1")
    assert after.count("\n") == after.count("\r\n") == text.count("\n") + 2
    assert "Caf\xe9" in after
    assert file.stat().st_mode & 0o777 == 0o755


def test_a_server_in_a_function_is_named(run: Init) -> None:
    lines = REPOS["server"].files["agent.py"].splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if line.startswith("server ="))
    made = "def make() -> AgentServer:\n" + "".join("    " + each if each.strip() else each for each in lines[start:-4])
    printed = run(Repo({"agent.py": "".join(lines[:start]) + made}, []))
    assert "+    @wrap_entrypoint" in printed
    assert "Its AgentServer is made inside of a function" in printed


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import openai", "import google", "no stand-in for the language model of google"),
        ("openai.LLM(", "openai.realtime.RealtimeModel(", "no stand-in for realtime models"),
    ],
)
def test_models_without_a_stand_in_are_named(old: str, new: str, said: str, run: Init) -> None:
    text = REPOS["server"].files["agent.py"].replace(old, new)
    text = text.replace("openai.LLM(", "google.LLM(") if new == "import google" else text
    assert said in run(Repo({"agent.py": text}, []))


def test_the_workflow_has_the_repo_s_commands_keys_and_branch(run: Init, tmp_path: Path) -> None:
    head = tmp_path / "repo/.git/refs/remotes/origin/HEAD"
    lay(REPOS["server"], tmp_path / "repo")
    head.parent.mkdir(parents=True)
    head.write_text("ref: refs/remotes/origin/trunk\n")
    with (tmp_path / "repo/agent.py").open("a") as file:
        file.write('\nimport os\nCALENDAR = os.environ.get("CALENDAR_TOKEN")\n')
    run(REPOS["server"])
    text = (tmp_path / "repo/.github/workflows/cekura.yml").read_text()
    workflow = yaml.safe_load(text.replace("\non:\n", '\n"on":\n'))
    assert workflow["on"]["push"]["branches"] == ["trunk"]
    steps = {step.get("name"): step for job in workflow["jobs"].values() for step in job["steps"]}
    assert steps["Tests in memory"]["run"] == "make -f cekura.mk test"
    assert steps["Scenarios on Cekura"]["env"].keys() >= {"OPENAI_API_KEY", "CALENDAR_TOKEN", "CEKURA_API_KEY"}
    assert '.head_branch == "trunk"' in steps["Fetch the report of main"]["run"]
    assert " .venv/" not in text


def test_scenarios_of_livekit_are_not_read_for_ours(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text(REPOS["strings"].files["scenarios.yaml"])
    assert default_file(tmp_path, SCENARIOS) == tmp_path / SCENARIOS
    (tmp_path / "scenarios.yaml").write_text("1:\n  name: Ours\n  talk: [{say: hello}]\n")
    assert default_file(tmp_path, SCENARIOS) == tmp_path / "scenarios.yaml"
