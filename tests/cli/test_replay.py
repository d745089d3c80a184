"""`cekura-kit replay`: a run's conversation held again in memory, and the test that is made of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cekura_agent_kit.agent.text_session
import cekura_agent_kit.rehearsal.fixture
import cekura_agent_kit.rehearsal.scenarios  # noqa: F401
from cekura_agent_kit.cli import app
from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import KitError, ReportError, SuiteError, TargetError
from cekura_agent_kit.replay.side_by_side import first_difference, rows
from cekura_agent_kit.trigger.cekura.api_models import ApiRun, read_runs
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.verdict import Kind, Line, Outcome, RunVerdict, SuiteVerdict
from tests.rehearsal.test_plugin import QUICK

EXAMPLE = Path(__file__).parents[2] / "examples/restaurant"
BUG = ("SEATS - self._taken[day.lower(), time]", "SEATS - self._taken[day.lower()][time]")
TABLE = "A table for two on Friday at seven, please."
BOOKING: tuple[tuple[Any, str], ...] = (
    ("agent", "Welcome to Luigi's. How can I help you?"),
    ("evaluator", TABLE.lower()),
    ("agent", "I am sorry, no table is free then."),
)


@pytest.fixture
def repo(pytester: pytest.Pytester) -> Path:
    """A copy of the example, as the current folder."""
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    return pytester.path


def report(
    repo: Path,
    lines: Sequence[tuple[Any, str]] = BOOKING,
    *,
    outcome: Outcome = Outcome.FAILED,
    suite: str = "restaurant",
    worker: str = "agent.py",
    scenario: int = 30,
    **fields: Any,
) -> Path:
    run = RunVerdict(
        case="30#1",
        scenario=scenario,
        scenario_name="Books a table",
        mode=Mode.TEXT,
        outcome=outcome,
        kind=Kind.TIMEOUT if outcome is Outcome.ERRORED else None,
        reason="no table was booked",
        transcript=[Line(role=role, text=text, at=float(place)) for place, (role, text) in enumerate(lines)],
        **fields,
    )
    verdict = SuiteVerdict.of(
        [run], suite=suite, suite_id="s", started_at="2026-01-01T00:00:00+00:00", duration_s=1, worker=worker
    )
    file = repo / "report.json"
    file.write_text(verdict.to_json())
    return file


def replayed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments])


def one_line(output: str, *, side: str) -> str:
    """Return a column of the conversations, unwrapped."""
    rows = [line.split(" │ ") for line in output.splitlines() if " │ " in line]
    return " ".join(" ".join(row[side == "now"].split()) for row in rows)


def test_a_failure_is_seen_again_then_fixed_then_a_test(repo: Path, pytester: pytest.Pytester) -> None:
    report(repo)
    # A module is imported once a process, so the agent before its fix is another one.
    shutil.copytree(EXAMPLE, repo / "before")
    agent = repo / "before/agent.py"
    agent.write_text(agent.read_text().replace(*BUG))
    again = replayed("report.json", "30#1", "--suite", "before")
    assert again.exit_code == 1, again.output
    assert "replay of 30#1 (Books a table), failed: no table was booked" in again.output
    column = one_line(again.output, side="now")
    assert "raised TypeError: 'int' object is not subscriptable" in column
    line = next(n for n, line in enumerate(agent.read_text().splitlines(), start=1) if BUG[1] in line)
    assert f"agent.py:{line})" in column
    assert "what is expected does not hold (before/cekura.scenarios.yaml, scenario 30):" in again.output
    assert (
        f"to hear 'free on friday'. After {TABLE!r} the agent said 'I am sorry, no table is free then.'" in again.output
    )

    fixed = replayed("report.json", "30#1", "--save", "tests")
    assert fixed.exit_code == 0, fixed.output
    first = fixed.output[fixed.output.index("first difference") :].splitlines()
    assert first[0] == f"first difference, after {TABLE!r}:"
    assert "held; what is expected holds" in fixed.output

    scenario = (repo / "tests/replay_30_1.scenarios.yaml").read_text()
    assert '      call: [{"tool": "check_availability", "arguments": {"day": "Friday", "time": "19:00"' in scenario
    assert "      # agent: Your table is booked. See you on Friday." in scenario
    pytester.makeini("[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n")
    pytester.runpytest_inprocess(*QUICK, "tests").assert_outcomes(passed=1)
    saved = repo / "tests/replay_30_1.scenarios.yaml"
    saved.write_text(saved.read_text().replace('"maria"', '"peter"').replace("patience: 30s", "patience: 1s"))
    failed = pytester.runpytest_inprocess(*QUICK, "tests")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*for a call of book_table(*peter*The agent called book_table(*Maria*"])

    twice = replayed("report.json", "30#1", "--save", "tests")
    assert isinstance(twice.exception, ReportError)
    assert "replay_30_1.scenarios.yaml exists" in str(twice.exception)


def test_words_beside_a_tool_call_come_before_or_after_it() -> None:
    asks = Line(role="evaluator", text="A table?")
    waits, books = Line(role="agent", text="One moment."), Line(role="tool", name="book", arguments={"people": 2})
    booked, other = Line(role="agent", text="Booked."), Line(role="tool", name="book", arguments={"people": 3})
    assert first_difference(rows([asks, waits, books, booked], [asks, books, waits, booked])) == []
    assert first_difference(rows([asks, waits, books, booked], [asks, books, booked, waits])) != []
    assert first_difference(rows([asks, waits, books], [asks, other, waits])) != []
    assert first_difference(rows([asks, books], [asks])) != []


def test_the_words_of_cekuras_evaluator_are_said_as_they_were(repo: Path) -> None:
    own = [*BOOKING[:2], ("agent", "Free."), ("evaluator", "Sorry, when are you open?"), ("agent", "At noon.")]
    report(repo, own, outcome=Outcome.PASSED)
    result = replayed("report.json", "30#1", "--save", "tests")
    assert result.exit_code == 1, result.output
    assert "it had passed" in result.output
    assert "by the whole conversation: the evaluator's words were its own" in result.output
    assert "Heard 'free on friday'." in result.output
    assert "Did not hear 'goodbye'" in result.output
    scenario = (repo / "tests/replay_30_1.scenarios.yaml").read_text()
    assert '    - say: "Sorry, when are you open?"\n      hear: "."\n' in scenario
    assert "call:" not in scenario, "the conversation was not as expected"


def test_a_run_without_a_scenario_of_the_sandbox_is_held_and_nothing_is_expected(repo: Path) -> None:
    report(repo, [("evaluator", "When are you open?"), ("agent", "We are closed.")])
    (repo / "cekura.scenarios.yaml").unlink()
    result = replayed("report.json", "30#1")
    assert result.exit_code == 0, result.output
    assert "nothing was expected" in result.output
    assert "≠  agent  We are closed." in result.output


def test_the_agent_gets_what_it_got(repo: Path) -> None:
    lines = [*BOOKING, ("evaluator", "My name is Maria.")]
    report(repo, lines, tools={"book_table": {"returns": "is booked on Sunday"}}, seed=7)
    (repo / "cekura.scenarios.yaml").unlink()
    (repo / "agent.py").write_text(
        (repo / "agent.py")
        .read_text()
        .replace(
            "\nfrom cekura_agent_kit import",
            "\nfrom cekura_agent_kit import current_call\nfrom cekura_agent_kit import",
            1,
        )
        .replace('self.session.say("Welcome', 'self.session.say(f"{current_call().seed} Welcome')
    )
    result = replayed("report.json", "30#1")
    assert result.exit_code == 0, result.output
    said = one_line(result.output, side="now")
    assert "7 Welcome" in said
    assert "See you on Sunday" in said


def test_an_entrys_tools_win_over_its_scenarios_as_in_a_run(repo: Path) -> None:
    report(repo, [*BOOKING, ("evaluator", "My name is Maria.")])
    scenarios, suite = repo / "cekura.scenarios.yaml", repo / "cekura.yaml"
    tools = "{book_table: {returns: is booked on Sunday}, check_availability: {returns: is free on Friday upstairs}}"
    name = "  name: Books a table\n"
    scenarios.write_text(scenarios.read_text().replace(name, f"{name}  tools: {tools}\n"))
    entry = "metadata: {guest: regular}\n"
    suite.write_text(
        suite.read_text().replace(entry, f"{entry}    tools: {{book_table: {{returns: is booked on Friday}}}}\n")
    )
    said = one_line(replayed("report.json", "30#1").output, side="now")
    assert "free on Friday upstairs" in said, "the scenario's, over the suite's"
    assert "See you on Friday" in said, "the entry's, over the scenario's"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('raise ValueError("no diary")', "not held: ValueError: no diary"),
        ("ctx.shutdown()", "not held: "),
    ],
)
def test_a_conversation_that_cannot_be_held(repo: Path, body: str, fault: str) -> None:
    report(repo)
    (repo / "agent.py").write_text(
        "from livekit.agents import AgentServer, JobContext\n\nserver = AgentServer()\n\n\n@server.rtc_session()\n"
        f"async def entrypoint(ctx: JobContext) -> None:\n    {body}\n"
    )
    result = replayed("report.json", "30#1")
    assert result.exit_code == 2, result.output
    assert fault in result.output


@pytest.mark.parametrize(
    ("fields", "arguments", "error", "says"),
    [
        ({}, ["31#1"], ReportError, "report.json: no case 31#1; it has 30#1"),
        ({"lines": BOOKING[:1]}, ["30#1"], ReportError, "30#1 has no words of the evaluator, so there is nothing to"),
        ({"suite": "bank"}, ["30#1"], ReportError, "of another agent: its suite is 'bank', and that of the suite here"),
        (
            {"worker": "other.py"},
            ["30#1"],
            ReportError,
            "another agent: its worker is 'other.py', and that of the suit",
        ),
        ({}, ["30#1", "--agent", "gone.py"], TargetError, "gone.py: there is no such file"),
        ({}, ["30#1", "--llm", "gone.yaml"], TargetError, "gone.yaml: there is no such file"),
        ({}, ["30#1", "--suite", "gone.yaml"], SuiteError, "gone.yaml: there is no such file"),
        (
            {},
            ["30#1", "--sandbox", "--agent", "agent.py", "--suite", "gone.yaml"],
            SuiteError,
            "the sandbox runs a suite",
        ),
        ({"scenario": 99}, ["30#1", "--sandbox"], SuiteError, "the suite has no run of scenario 99"),
        ({}, [], SuiteError, "give a report and a case, or --run"),
        ({}, ["30#1", "--run", "7"], SuiteError, "give a report and a case, or --run"),
    ],
)
def test_what_cannot_be_replayed(
    repo: Path, fields: dict[str, Any], arguments: list[str], error: type[KitError], says: str
) -> None:
    report(repo, **fields)
    result = replayed("report.json", *arguments)
    assert isinstance(result.exception, error), result.output
    assert says in str(result.exception)
    assert result.exception.hint


def test_a_worker_that_is_a_command_needs_the_agents_file(repo: Path) -> None:
    report(repo, worker="python agent.py dev")
    suite = repo / "cekura.yaml"
    suite.write_text(suite.read_text().replace("worker: agent.py", "worker: python agent.py dev"))
    result = replayed("report.json", "30#1")
    assert isinstance(result.exception, SuiteError)
    assert "the suite's worker is a command: python agent.py dev" in str(result.exception)
    assert result.exception.hint == "give it: --agent agent.py"
    assert replayed("report.json", "30#1", "--agent", "agent.py").exit_code == 0


def test_a_run_is_read_from_cekura(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "id": 70011,
        "status": "completed",
        "success": False,
        "scenario": 31,
        "scenario_name": "Asks",
        "transcript": "[00:00] Main Agent: Hi.\n[00:01] Testing Agent: When are you open?\n[00:02] Main Agent: No.",
    }

    async def run(self: Cekura, run_id: int) -> ApiRun | None:
        return read_runs([answer])[0] if run_id == 70011 else None

    monkeypatch.setattr(Cekura, "run", run)
    monkeypatch.setenv("CEKURA_API_KEY", "key")
    result = replayed("--run", "70011")
    assert result.exit_code == 0, result.output
    assert "replay of 31#70011 (Asks)" in result.output
    assert "Heard 'tuesday to sunday'." in result.output
    unknown = replayed("--run", "5")
    assert isinstance(unknown.exception, ReportError)
    assert "Cekura has no run 5" in str(unknown.exception)
