"""A worker's log: its end as people read it, and what to do by what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cekura_agent_kit.trigger.settings.redaction import Redaction
from cekura_agent_kit.trigger.worker.worker_log import WorkerLog

START = json.dumps({"message": "failed", "level": "ERROR", "exc_info": "Traceback\nKeyError: 'x'", "pid": 1})
DEV = '\x1b[36m2026-11-26 02:54:54,361 - \x1b[31mERROR\x1b[0m livekit.agents - failed \x1b[90m{"pid": 1}\x1b[0m'
SHORT = '02:54:54 ERROR livekit.agents failed {"pid": 1}'


@pytest.fixture
def log() -> Iterator[WorkerLog]:
    log = WorkerLog(Redaction(["hidden-secret"]))
    yield log
    log.delete()
    assert not log.path.exists()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (START, "ERROR failed\nTraceback\nKeyError: 'x'"),
        (DEV, "ERROR failed"),
        (SHORT, "ERROR failed"),
        (SHORT.replace("ERROR", "DEBUG"), ""),
        ("printed hidden-secret", "printed [hidden]"),
    ],
)
def test_each_form_of_a_record_is_reduced_to_what_it_says(log: WorkerLog, line: str, shown: str) -> None:
    log.path.write_text(f"{line}\n")

    assert log.tail() == shown


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("OSError: [Errno 98] Address already in use", "python -m livekit.agents start --dev agent.py"),
        ("OSError: [Errno 98] Address already in use", "dev --no-reload"),
        ("Error: No such command 'serve'.", "python -m livekit.agents start agent.py"),
        ("Usage: agent.py [OPTIONS] COMMAND", "python agent.py start"),
        ("python -m livekit.agents: error: unrecognized arguments: --x", "worker: agent.py"),
        ("nothing known", "read its log"),
    ],
)
def test_hints_know_both_command_lines_of_livekit_agents(log: WorkerLog, text: str, hint: str) -> None:
    log.path.write_text(text)

    assert hint in log.hint()
