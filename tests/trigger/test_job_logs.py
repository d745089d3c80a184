"""A worker's log, cut by job, in the forms of livekit-agents 1.6.0 to 1.8.9; and what of it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.worker.job_logs import JobLogs
from cekura_agent_kit.trigger.worker.kept_logs import WORKER_LOG, keep_logs
from cekura_agent_kit.verdict import Kind, Outcome, RunVerdict

ONE, TWO = "cekura-kit-0000000000000001", "cekura-kit-0000000000000002"
JOB_ONE, JOB_TWO = "AJ_one123456", "AJ_two123456"
MAIN, PID_ONE, PID_TWO = 100, 101, 102


def start(message: str, **more: Any) -> str:
    """A record of `start`."""
    return json.dumps({"message": message, "level": "INFO", "name": "livekit.agents", "pid": MAIN} | more)


def dev(message: str, **more: Any) -> str:
    """A record of `dev`, without its colours."""
    return f"2026-11-26 02:54:54,361 - INFO livekit.agents - {message} {json.dumps(more) if more else ''}"


def log(record: Any) -> list[str]:
    """Two jobs that run at once, the second one longer."""
    return [
        record("starting worker"),
        record("registered worker", agent_name="mine"),
        record("initializing process", pid=PID_ONE),
        record("initializing process", pid=PID_TWO),
        record("received job request", job_id=JOB_ONE, room=ONE, room_id="RM_one123456"),
        record("only one", pid=PID_ONE),
        "printed in one",
        record("received job request", job_id=JOB_TWO, room=TWO),
        record("of one by its job", job_id=JOB_ONE, pid=PID_ONE),
        record("of two by its job", job_id=JOB_TWO, pid=PID_TWO),
        record("of one by its room", room_id="RM_one123456"),
        record("exception in two", job_id=JOB_TWO, pid=PID_TWO),
        "Traceback (most recent call last):",
        '  File "agent.py", line 41, in pay',
        record("both", jobs=[JOB_ONE, JOB_TWO]),
        record("process exiting", job_id=JOB_ONE, room=ONE, pid=PID_ONE),
        "printed in two",
        record("process exiting", job_id=JOB_TWO, room=TWO, pid=PID_TWO),
        "printed in neither",
        record("shutting down worker"),
    ]


@pytest.mark.parametrize("record", [start, dev])
def test_each_job_has_its_lines(record: Any) -> None:
    lines = log(record)
    logs = JobLogs("\n".join(lines), [ONE, TWO, "cekura-kit-not-in-it"])
    one, two = logs.of(ONE), logs.of(TWO)

    for only_one in ("only one", "printed in one", "of one by its job", "of one by its room"):
        assert (only_one in one, only_one in two) == (True, False), only_one
    for only_two in ("of two by its job", "exception in two", "printed in two"):
        assert (only_two in one, only_two in two) == (False, True), only_two
    for neither in ("registered worker", "printed in neither", "shutting down"):
        assert neither not in one + two
    assert "both" in one
    assert "both" in two
    # A traceback continues its record in `dev`. In `start` a bare line is anybody's.
    assert ("line 41" in one, "line 41" in two) == (record is start, True)
    assert logs.of("cekura-kit-not-in-it") == ""
    assert one.splitlines() == [line for line in lines if line in one.splitlines()]


def test_in_dev_a_record_has_its_fields_after_its_traceback() -> None:
    raised = ["2026-11-26 02:54:54,361 - ERROR livekit.agents - failed Traceback (most recent call last):", "  line 41"]
    fields = json.dumps({"job_id": JOB_TWO})
    lines = [dev("begins", job_id=JOB_ONE, room=ONE), dev("begins", job_id=JOB_TWO, room=TWO), *raised]
    lines += [f"ValueError: torn {fields}", dev("ends", job_id=JOB_ONE), dev("ends", job_id=JOB_TWO)]
    logs = JobLogs("\n".join(lines), [ONE, TWO])

    assert all(line in logs.of(TWO) and line not in logs.of(ONE) for line in raised)


def test_a_log_that_names_no_job_belongs_to_none() -> None:
    assert JobLogs("hello\n{broken\n\x00\n", [ONE, ""]).of(ONE) == ""


def verdict(n: int, outcome: Outcome, room: str, **more: Any) -> RunVerdict:
    return RunVerdict(case=f"30#{n}", scenario=30, mode=Mode.TEXT, outcome=outcome, room=room, **more)


def test_what_did_not_pass_has_its_part_beside_the_whole(tmp_path: Path) -> None:
    runs = [
        verdict(1, Outcome.FAILED, ONE),
        verdict(2, Outcome.PASSED, TWO),
        verdict(3, Outcome.ERRORED, "cekura-kit-no-agent-came", kind=Kind.AGENT_MISSING),
        verdict(4, Outcome.ERRORED, "", kind=Kind.NOT_RUN),
    ]
    folder = tmp_path / "suite.logs"
    folder.mkdir()
    (folder / "29-1.log").write_text("of an earlier run")
    kept = keep_logs("\n".join(log(start)), runs, folder, failed=False)

    assert [Path(run.worker_log).name for run in kept] == ["30-1.log", "", WORKER_LOG, ""]
    assert sorted(path.name for path in folder.iterdir()) == ["30-1.log", WORKER_LOG]
    assert all(Path(run.worker_log).is_file() for run in kept if run.worker_log)
    assert "only one" in Path(kept[0].worker_log).read_text()


@pytest.mark.parametrize("text", ["", "some log"])
def test_a_suite_that_passed_keeps_nothing_and_forgets_what_was_kept(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "suite.logs"
    folder.mkdir()
    (folder / WORKER_LOG).write_text("of an earlier run")
    runs = [verdict(1, Outcome.PASSED, ONE), verdict(2, Outcome.SKIPPED, "")]

    assert keep_logs(text, runs, folder, failed=False) == runs
    assert not folder.exists()


def test_logs_are_bounded_and_their_beginning_and_end_stay(tmp_path: Path) -> None:
    lines = [start(f"line {n}", job_id=JOB_ONE, room=ONE, padding="x" * 900) for n in range(12_000)]
    (run,) = keep_logs("\n".join(lines), [verdict(1, Outcome.FAILED, ONE)], tmp_path, failed=True)
    part, whole = Path(run.worker_log), tmp_path / WORKER_LOG

    for path, limit in ((part, 1_000_000), (whole, 10_000_000)):
        text = path.read_text()
        assert limit * 0.9 < len(text) < limit + 200
        assert '"line 0"' in text
        assert '"line 11999"' in text
        assert "characters left out by cekura-kit" in text


def test_a_log_that_cannot_be_written_costs_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (run,) = keep_logs("some log", [verdict(1, Outcome.FAILED, ONE)], tmp_path / "file" / "logs", failed=False)

    assert run.worker_log == ""
    assert "could not be kept" in run.notes[0]


def test_without_a_report_they_are_among_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (run,) = keep_logs("some log", [verdict(1, Outcome.FAILED, ONE)], None, failed=False)

    assert Path(run.worker_log).is_relative_to(tmp_path)
    assert Path(run.worker_log).read_text() == "some log"
