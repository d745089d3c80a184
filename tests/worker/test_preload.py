"""The environment of a job process, and of the process from which it is forked."""

from __future__ import annotations

import os
import pickle
from typing import Any

import pytest

from cekura_agent_kit.worker.handover import handed_over
from cekura_agent_kit.worker.preload import FILE_VARIABLE, JobSetup

LOCAL = {"OPENAI_BASE_URL": "http://127.0.0.1:4000/v1"}


def prewarm(process: Any) -> None:
    process.append(os.environ["COLOUR"])
    os.environ["OPENAI_BASE_URL"] = "https://api.hosted.test"


def test_the_variables_of_the_preload_are_set_for_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/own")
    before = dict(os.environ)
    with handed_over(FILE_VARIABLE, "/agent.py"):
        assert os.environ[FILE_VARIABLE] == "/agent.py"
        assert os.environ["PYTHONPATH"].endswith(f"{os.pathsep}/own")

    assert dict(os.environ) == before


def test_a_job_has_the_environment_that_the_worker_had_when_it_made_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COLOUR", "red")
    monkeypatch.setenv("OPENAI_BASE_URL", LOCAL["OPENAI_BASE_URL"])
    sent = pickle.dumps(JobSetup(prewarm, None, given=LOCAL))
    monkeypatch.setenv("COLOUR", "blue")
    monkeypatch.setenv("ONLY_HERE", "1")
    job: list[str] = []
    pickle.loads(sent)(job)

    assert job == ["red"]
    assert "ONLY_HERE" not in os.environ
    assert "the agent replaces OPENAI_BASE_URL" in caplog.text
