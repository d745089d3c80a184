"""Cassettes in a pytest of its own: marker, option, summary, and what a user reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import cekura_agent_kit.agent.text_session
import cekura_agent_kit.rehearsal.fixture  # noqa: F401 - once, and not in each of the pytests within this process

from .test_plugin import AGENT, QUICK

TEST = """
import pytest

@pytest.mark.asyncio
@pytest.mark.cekura_cassette
async def test_books(rehearse):
    async with rehearse("agent.py") as call:
        turn = await call.say({words!r})
        assert turn.text
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makefile(".py", agent=AGENT.read_text())
    pytester.makeini("[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def run(project: pytest.Pytester, *options: str, words: str = "hi") -> pytest.RunResult:
    folder = project.path / "tests"
    folder.mkdir(exist_ok=True)
    (folder / "test_agent.py").write_text(TEST.format(words=words))
    return project.runpytest_inprocess(*QUICK, *options)


def cassette_of(project: pytest.Pytester) -> Path:
    return project.path / "tests" / "cassettes" / "test_agent" / "test_books.yaml"


def test_a_marked_test_records_its_own_cassette_once(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = run(project)
    recorded.assert_outcomes(passed=1)
    recorded.stdout.fnmatch_lines(["*tests/cassettes/test_agent/test_books.yaml: recorded 1 of 1 exchange"])
    written = cassette_of(project).read_text()
    assert "agent: ../../../agent.py:entrypoint" in written
    monkeypatch.setenv("CI", "true")
    played = run(project)
    played.assert_outcomes(passed=1)
    played.stdout.no_fnmatch_line("*recorded*")
    missed = run(project, words="ho")
    missed.assert_outcomes(failed=1)
    missed.stdout.fnmatch_lines(
        [
            "E  *CassetteMiss: *test_books.yaml: request 1 of this call was not recorded. It has 1 exchange; *",
            "E  * - the caller's words (item 3 of the talk): 'hi' was recorded, 'ho' is asked",
            "E  *hint: *: pytest tests/test_agent.py::test_books --cekura-record=new; with =all *",
        ]
    )
    missed.stdout.no_fnmatch_line("*cekura_agent_kit/*.py:*")
    assert cassette_of(project).read_text() == written
    run(project, "--cekura-record=new", words="ho").assert_outcomes(passed=1)
    assert "recorded: 2" in cassette_of(project).read_text()


def test_in_ci_nothing_is_recorded_unless_it_is_said(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    missing = run(project)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["E *test_books.yaml: there is no such cassette, and with --cekura-record=none *"])
    assert not cassette_of(project).exists()
    run(project, "--cekura-record=once").assert_outcomes(passed=1)


def test_several_processes_do_not_record(project: pytest.Pytester) -> None:
    refused = run(project, "--cekura-record=all", "-n", "2")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*--cekura-record: cassettes are recorded by one process; run pytest without -n*"])
