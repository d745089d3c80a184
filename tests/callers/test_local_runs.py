"""Played callers by each door of this machine: `run --try`, `watch`, a marked test, a file for the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit import SettingsError
from cekura_agent_kit.cassettes.tape import Player, RecordMode, Tape
from cekura_agent_kit.rehearsal.model import load_model
from cekura_agent_kit.rehearsal.rehearsed_scenario import play_scenario
from cekura_agent_kit.sandbox.caller.callers import Callers
from cekura_agent_kit.sandbox.models.rules import load_rules
from cekura_agent_kit.sandbox.sandbox import Sandbox
from cekura_agent_kit.verdict import SuiteVerdict
from cekura_agent_kit.watch.edit_round import Round
from cekura_agent_kit.watch.findings import Broken, Finding, Order, Planned, Result
from cekura_agent_kit.watch.subject import Subject
from tests.hosted import hosted
from tests.rehearsal.test_plugin import QUICK

from .endpoint import BOOKED, BOOKS, RESTAURANT, endpoint, played, served, variables, written

RULES = RESTAURANT / "cekura.models.yaml"
NAMES = ("CEKURA_KIT_LLM_URL", "CEKURA_KIT_LLM_KEY", "CEKURA_KIT_LLM_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL")
UNSEEN = {"user": "Statement: It rains", "call": "submit_verdict", "with": {"verdict": "maybe", "reasoning": "Unseen."}}
WRONG = {
    "user": "Statement: It is free",
    "call": "submit_verdict",
    "with": {"verdict": "fail", "reasoning": "No word."},
}
TOOLS = {"book_table": BOOKED}


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


async def record(folder: Path) -> None:
    """Record the caller of scenario 30 in `cekura.callers.yaml`."""
    async with endpoint(*BOOKS) as service:
        tape = Tape(folder / "cekura.callers.yaml", RecordMode.ONCE)
        callers = Callers(variables(service), player=lambda: Player(tape))
        model = load_model(load_rules(RULES), [])
        judgement = await play_scenario(30, played(), RESTAURANT / "agent.py", callers=callers, llm=model, tools=TOOLS)
        assert judgement.success, judgement
        await callers.close()


def test_what_a_caller_does_not_get_is_not_started_on_cekura(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cekura.scenarios.yaml"
    file.write_text(written(n30=played(), n31=played(outcome="It is free."), n32=played(outcome="It rains.")))
    ids = (30, 31, 32)
    options = ("--try", "1", "--try-agent", str(RESTAURANT / "agent.py"), "--try-llm", str(RULES))
    with served(UNSEEN, WRONG, *BOOKS) as service, hosted(ids) as services:
        for name, value in variables(service).items():
            monkeypatch.setenv(name, value)
        done = services.run(ids, *options, sandbox=str(file), tools=TOOLS)

    assert f"callers without a script are played by gpt-4.1-mini at http://127.0.0.1:{service.port}" in done.printed
    verdict = SuiteVerdict.from_json(done.reports["json"])
    # The others were begun: this stand-in of an agent accepts no doubles of tools.
    assert [(each.case, each.reason == "tried") for each in verdict.runs] == [
        ("30#1", False),
        ("31#1", True),
        ("32#1", False),
    ]
    passed, failed, blocked = verdict.tries
    assert (passed.outcome, failed.outcome, blocked.outcome) == ("passed", "failed", "errored")
    assert failed.reason.startswith("Not met: It is free. No word. The caller hung up, and has what it wants")
    assert blocked.reason.startswith("Could not be judged: It rains. Unseen.")
    assert [(each.text, each.outcome, each.explanation) for each in failed.statements] == [
        ("It is free.", "not_met", "No word.")
    ]
    assert passed.played_caller is not None
    assert (passed.played_caller.model, passed.played_caller.turns) == ("gpt-4.1-mini", 3)
    assert "key-of-the-caller" not in done.printed + "".join(done.reports.values())


def test_a_caller_that_nobody_can_play_is_not_tried(tmp_path: Path) -> None:
    file = tmp_path / "cekura.scenarios.yaml"
    file.write_text(written(n30=played()))
    with hosted((30,)) as services:
        done = services.run((30,), "--try", "1", "--try-agent", str(RESTAURANT / "agent.py"), sandbox=str(file))
        assert not services.cekura.starts
    assert done.code == 2
    assert "no model can play the caller: neither CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_KEY nor" in done.printed


async def found_in(folder: Path, *, plays_callers: bool = False) -> list[Finding]:
    file = folder / "cekura.scenarios.yaml"
    file.write_text(written(n30=played()))
    (folder / "cekura.yaml").write_text(
        f"worker: {RESTAURANT / 'agent.py'}\nruns: [{{scenario: 30}}]\ntools: {{book_table: {BOOKED}}}\n"
    )
    subject = Subject.find(
        str(RESTAURANT / "agent.py"), file, suite=folder, llm=str(RULES), plays_callers=plays_callers
    )
    found: list[Finding] = []
    await Round(subject, Order(), found.append, lambda: "").run()
    return found


async def test_a_watch_asks_no_model_unless_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await found_in(tmp_path) == [Planned((), 0, (30,))]

    (nobody,) = await found_in(tmp_path, plays_callers=True)
    assert isinstance(nobody, Broken)
    assert "no model can play the caller" in nobody.reason

    async with endpoint(*BOOKS) as service:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables(service).items()))
        planned, result = await found_in(tmp_path, plays_callers=True)
        assert service.requests
    assert planned == Planned((30,), 1)
    assert isinstance(result, Result)
    assert not result.problems, result


async def test_recorded_callers_are_played_without_a_model(tmp_path: Path) -> None:
    await record(tmp_path)
    planned, result = await found_in(tmp_path)
    assert planned == Planned((30,), 1)
    assert isinstance(result, Result)
    assert not result.problems, result

    Sandbox(tmp_path / "cekura.scenarios.yaml").check([30], voice=False)
    (tmp_path / "cekura.callers.yaml").unlink()
    with pytest.raises(SettingsError, match="no model can play the caller"):
        Sandbox(tmp_path / "cekura.scenarios.yaml").check([30], voice=False)


MARKED = """
import pytest

@pytest.mark.asyncio
@pytest.mark.cekura_scenarios(
    "cekura.scenarios.yaml", entrypoint="agent.py", llm="cekura.models.yaml", callers="callers.yaml",
    tools={"book_table": {"returns": "A table for 2 is booked on friday at 19:00, in the name of Maria."}},
)
async def test_scenario(scenario):
    await scenario.run()
"""


def test_a_marked_test_records_its_callers_and_plays_them(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("agent.py", "cekura.models.yaml"):
        (pytester.path / name).write_text((RESTAURANT / name).read_text())
    (pytester.path / "cekura.scenarios.yaml").write_text(written(n30=played()))
    pytester.makeini("[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(test_agent=MARKED)

    missing = pytester.runpytest_inprocess(*QUICK, "--cekura-record=none")
    missing.stdout.fnmatch_lines(["*callers.yaml: there is no such cassette*"])
    with served(*BOOKS) as service:
        for name, value in variables(service).items():
            monkeypatch.setenv(name, value)
        pytester.runpytest_inprocess(*QUICK, "--cekura-record=once").assert_outcomes(passed=1)
        asked = len(service.requests)
    for name in variables(service):
        monkeypatch.delenv(name)
    pytester.runpytest_inprocess(*QUICK, "--cekura-record=none").assert_outcomes(passed=1)
    assert asked == 4
    assert "key-of-the-caller" not in (pytester.path / "callers.yaml").read_text()
