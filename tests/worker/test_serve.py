"""`cekura-kit worker`: job processes that inherit the agent's module, errors of a target, and the server in use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cekura_agent_kit.errors import WorkerError
from cekura_agent_kit.placeholder import PLACEHOLDER
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.faults.command import command
from tests.faults.secrecy import Outputs
from tests.worker.agent_files import GREETER, SUITE, served

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]

FORKS = pytest.mark.skipif(sys.platform != "linux", reason="job processes are forked on Linux only")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.py").write_text(GREETER)
    (tmp_path / "scenarios.yaml").write_text("1: {name: Is greeted, talk: [{hear: prewarmed}]}\n")
    (tmp_path / "cekura.yaml").write_text(SUITE)
    return tmp_path


async def said_by(folder: Path, **environment: str) -> list[str]:
    """Run the suite; return what the agent said in each run."""
    outputs = Outputs()
    arguments = ("run", "--sandbox", "--json", "report.json")
    async with command(*arguments, environment=environment, folder=folder, outputs=outputs) as running:
        assert await running.ended() == 0, running.printed
        assert running.report is not None
        return [line.text for run in running.report.runs for line in run.transcript if line.role == "agent"]


@FORKS
async def test_jobs_inherit_the_agents_module_and_run_its_prewarm(livekit_server: LiveKitServer, folder: Path) -> None:
    said = await said_by(folder)

    assert len(said) == 3
    assert all(text.startswith("prewarmed True, inherited True") for text in said), said


@FORKS
async def test_a_module_that_leaves_threads_behind_is_not_preloaded(
    livekit_server: LiveKitServer, folder: Path
) -> None:
    thread = "\nimport threading\nthreading.Thread(target=threading.Event().wait, name='ticker', daemon=True).start()\n"
    (folder / "agent.py").write_text(GREETER.replace("\nIMPORTED_IN", f"{thread}\nIMPORTED_IN"))
    assert all("inherited False" in text for text in await said_by(folder))

    async with served(livekit_server, folder, "agent.py") as worker:
        assert "agent.py leaves threads running when it is imported (ticker)" in worker.tail(50)


BARE = GREETER.replace("@wrap_entrypoint\n", "")
CHOOSING = BARE.replace(
    "@server.rtc_session", "@wrap_entrypoint\nasync def other(ctx: JobContext): ...\n\n\n@server.rtc_session"
)


async def test_an_agent_that_is_not_wrapped_is_served_for_voice_alone(
    livekit_server: LiveKitServer, folder: Path
) -> None:
    (folder / "agent.py").write_text(BARE)
    for target in ("agent.py", "agent.py:entrypoint"):
        with pytest.raises(WorkerError) as raised:
            async with served(livekit_server, folder, target):
                pytest.fail("it started")

        assert "entrypoint is not wrapped with wrap_entrypoint, and runs in text mode need it" in str(raised.value)
        assert "add `@wrap_entrypoint`" in raised.value.hint
    async with served(livekit_server, folder, "agent.py", wrapped=False) as worker:
        assert worker.pid


async def test_an_entrypoint_that_may_call_a_wrapped_one_is_served(livekit_server: LiveKitServer, folder: Path) -> None:
    (folder / "agent.py").write_text(CHOOSING)
    async with served(livekit_server, folder, "agent.py") as worker:
        assert worker.pid


async def test_a_suite_with_text_runs_of_an_agent_that_is_not_wrapped_starts_none(
    livekit_server: LiveKitServer, folder: Path
) -> None:
    (folder / "agent.py").write_text(BARE)
    arguments = ("run", "--sandbox", "--json", "report.json")
    async with command(*arguments, environment={}, folder=folder, outputs=Outputs()) as running:
        assert await running.ended() == 2, running.printed
        assert "add `@wrap_entrypoint`" in " ".join(running.printed.split())
        assert running.report is not None
        assert [run.room for run in running.report.runs] == [""] * 3


TWO = GREETER.replace("server = AgentServer(", "other = AgentServer()\nserver = AgentServer(")


@pytest.mark.parametrize(
    ("target", "text", "said", "hint"),
    [
        ("no_such.py", "", "there is no such file", "give an absolute path"),
        ("agent.py", "x = 1\n", "has no AgentServer", "give a file that defines"),
        ("agent.py", TWO, "2 AgentServers", "name one"),
        ("agent.py", "raise OSError('no disk')\n", "no disk", "read its log"),
        ("agent.py", "import sys; sys.exit(4)\n", "exits when it is imported", "__main__"),
        ("agent.py", GREETER.replace('if __name__ == "__main__":', "if True:"), "starts a worker when", "__main__"),
    ],
)
async def test_a_target_that_cannot_be_served_is_named(
    livekit_server: LiveKitServer, folder: Path, target: str, text: str, said: str, hint: str
) -> None:
    (folder / "agent.py").write_text(text)
    with pytest.raises(WorkerError) as raised:
        async with served(livekit_server, folder, target):
            pytest.fail("it started")

    assert said in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize("how", ["agent.py", "python agent.py start", "python agent.py dev"])
async def test_an_agent_that_overrides_livekit_url_is_named(
    livekit_server: LiveKitServer, folder: Path, how: str
) -> None:
    """With a server that answers, and with one that does not."""
    other = await LiveKitServer.running()
    try:
        for port in (other.port, 9):
            override = {"LIVEKIT_URL": f"ws://127.0.0.1:{port}"} | {
                name: value for name, value in other.environment.items() if name != "LIVEKIT_URL"
            }
            (folder / "agent.py").write_text(f"import os\nos.environ.update({override})\n{GREETER}")
            with pytest.raises(WorkerError) as raised:
                async with served(livekit_server, folder, how):
                    pytest.fail("it started")

            assert f"127.0.0.1:{port}, and LIVEKIT_URL was set to 127.0.0.1:{livekit_server.port}" in str(raised.value)
            assert "load_dotenv(override=True)" in raised.value.hint
    finally:
        await other.stop()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"])
async def test_the_sandbox_works_behind_a_proxy(livekit_server: LiveKitServer, folder: Path, name: str) -> None:
    assert len(await said_by(folder, **{name: "http://127.0.0.1:9"})) == 3


async def test_the_sandbox_keeps_the_users_variables_and_replaces_empty_keys(
    livekit_server: LiveKitServer, folder: Path
) -> None:
    names = ("LIVEKIT_SIP_OUTBOUND_TRUNK", "CEKURA_AGENT_ID", "DEEPGRAM_API_KEY", "CARTESIA_API_KEY")
    words = f"words = 'prewarmed ' + ' '.join(os.environ[name] for name in {names})"
    text = "\n".join("    " + words if line.startswith("    words = f") else line for line in GREETER.splitlines())
    (folder / "agent.py").write_text(text + "\n")
    given = {
        "LIVEKIT_SIP_OUTBOUND_TRUNK": "ST_1",
        "CEKURA_AGENT_ID": "7",
        "DEEPGRAM_API_KEY": "",
        "CARTESIA_API_KEY": "c",
    }

    assert set(await said_by(folder, **given)) == {f"prewarmed ST_1 7 {PLACEHOLDER} c"}
