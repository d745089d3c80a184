"""An agent that replaces the address of its models is named before a run is paid for; real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.errors import WorkerError
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.variables import replaced_model
from tests.faults.command import command
from tests.faults.secrecy import Outputs
from tests.worker.agent_files import GREETER, SUITE, served

LOCAL = "http://127.0.0.1:4000/v1"
HOSTED = "https://user:key@api.hosted.test/v1"
LOAD = "from dotenv import load_dotenv\nload_dotenv(override=True)\n"
AT_IMPORT = LOAD + GREETER
AT_PREWARM = GREETER.replace("def prewarm(process):\n", "def prewarm(process):\n" + LOAD.replace("\nl", "\n    l"))
AT_PREWARM = AT_PREWARM.replace("from dotenv", "    from dotenv")


@pytest.mark.parametrize(
    ("given", "found", "said"),
    [
        ({"OPENAI_BASE_URL": LOCAL}, {"OPENAI_BASE_URL": HOSTED}, "its jobs have https://api.hosted.test"),
        ({"OPENAI_BASE_URL": LOCAL}, {}, "its jobs have none"),
        ({"LIVEKIT_INFERENCE_URL": LOCAL}, {"LIVEKIT_INFERENCE_URL": HOSTED}, "LIVEKIT_INFERENCE_URL"),
        ({"OPENAI_BASE_URL": "http://localhost:4000"}, {"OPENAI_BASE_URL": ""}, "http://localhost:4000 was set"),
    ],
)
def test_a_replaced_address_on_this_machine_is_named_without_its_key(
    given: dict[str, str], found: dict[str, str], said: str
) -> None:
    assert said in replaced_model(given, found)
    assert "key" not in replaced_model(given, found)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"OPENAI_BASE_URL": LOCAL}, {"OPENAI_BASE_URL": LOCAL, "OPENAI_API_KEY": "sk-own"}),
        ({"OPENAI_BASE_URL": "https://proxy.test/v1"}, {"OPENAI_BASE_URL": HOSTED}),
        ({}, {"OPENAI_BASE_URL": HOSTED}),
    ],
)
def test_an_address_that_is_kept_or_elsewhere_is_the_owners(given: dict[str, str], found: dict[str, str]) -> None:
    assert replaced_model(given, found) == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"OPENAI_BASE_URL={HOSTED}\n")
    (tmp_path / "scenarios.yaml").write_text("1: {name: Is greeted, talk: [{hear: prewarmed}]}\n")
    return tmp_path


@pytest.mark.server
@pytest.mark.xdist_group("trigger")
@pytest.mark.parametrize(
    ("how", "text"),
    [("agent.py", AT_IMPORT), ("agent.py", AT_PREWARM), ("python agent.py start", AT_IMPORT)],
    ids=["import", "prewarm", "command"],
)
async def test_an_agent_whose_env_file_replaces_the_models_is_not_served(
    livekit_server: LiveKitServer, folder: Path, how: str, text: str
) -> None:
    (folder / "agent.py").write_text(text)
    with pytest.raises(WorkerError) as raised:
        async with served(livekit_server, folder, how, OPENAI_BASE_URL=LOCAL):
            pytest.fail("it started")

    assert "the agent replaces OPENAI_BASE_URL: http://127.0.0.1:4000 was set" in str(raised.value)
    assert "its jobs have https://api.hosted.test" in str(raised.value)
    assert "load_dotenv(override=True)" in raised.value.hint


@pytest.mark.server
@pytest.mark.xdist_group("trigger")
async def test_one_whose_processes_start_with_its_jobs_is_stopped_with_its_first(
    livekit_server: LiveKitServer, folder: Path
) -> None:
    """`dev` keeps no process ready, so its environment is known when the first run has its room."""
    (folder / "agent.py").write_text(AT_IMPORT)
    (folder / "cekura.yaml").write_text(SUITE.replace("agent.py", "python agent.py dev --no-reload"))
    outputs = Outputs()
    arguments = ("run", "--sandbox", "--json", "report.json")
    async with command(*arguments, environment={}, folder=folder, outputs=outputs) as running:
        assert await running.ended() == 2, running.printed
        assert running.report is not None
        assert [run.kind for run in running.report.runs] == ["worker_failed"] * 3
        assert all("the agent replaces OPENAI_BASE_URL" in run.reason for run in running.report.runs)
