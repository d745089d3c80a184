"""``cekura-kit sandbox``, as a process."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/restaurant"
COMMAND = (sys.executable, "-m", "cekura_agent_kit", "sandbox")


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_it_runs_until_a_signal(number: signal.Signals, livekit_server: object) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--scenarios", str(EXAMPLE / "cekura.scenarios.yaml"), stdout=-1, stderr=-1, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            said = ""
            while line := (await process.stderr.readline()).decode():
                said += line
                if "Ctrl-C" in line:
                    break
        assert said.endswith("The sandbox is up. Press Ctrl-C to stop it.\n")
        helpers = psutil.Process(process.pid).children(recursive=True)
        assert helpers
        process.send_signal(number)
        async with asyncio.timeout(30):
            printed, rest = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    lines = printed.decode().splitlines()
    names = [shlex.split(line)[1].partition("=")[0] for line in lines]
    assert names == [
        "LIVEKIT_URL",
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "LIVEKIT_INFERENCE_URL",
        "CEKURA_API_URL",
        "CEKURA_API_KEY",
        "ORT_DISABLE_TELEMETRY",
    ]
    assert all(line.startswith("export ") for line in lines)
    assert (process.returncode, rest.decode()) == (128 + number, f"cekura-kit: stopping ({number.name})\n")
    assert not [each for each in helpers if each.is_running()]
    address = next(shlex.split(line)[1] for line in lines if "CEKURA_API_URL" in line).partition("=")[2]
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenarios", "none.yaml"), "none.yaml: there is no such file"),
        (
            ("--scenarios", str(EXAMPLE / "cekura.scenarios.yaml"), "--faults", "f.yaml"),
            "f.yaml:1: starts.one: 'one' is not a number",
        ),
    ],
)
def test_files_that_are_wrong_are_named_before_anything_is_started(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "f.yaml").write_text("starts: {one: {lost: true}}\n")
    ended = subprocess.run(
        [*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"cekura-kit: {said}")
    assert "Traceback" not in ended.stderr
