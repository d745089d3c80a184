"""Each problem of the vendor's troubleshooting page, caused on purpose and named by the doctor."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cekura_agent_kit.cli import app
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.trigger.doctor.check import Check
from cekura_agent_kit.trigger.doctor.doctor import examine
from tests.trigger.bench import AGENT, BOOKING, HELLO, SCENARIOS, Bench

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]


def _kept(checks: list[Check]) -> list[str]:
    """Names of the checks whose log of the worker is there: those that failed of a suite that starts one."""
    logs = {check.name: Path(check.worker_log) for check in checks if check.worker_log}
    assert all("No such command" in log.read_text() for log in logs.values())
    return [check.name for check in checks if check.name == "worker" and check.outcome == "failed"]


async def examined(
    bench: Bench, *runs: Any, faults: Faults | None = None, settings: dict[str, str] | None = None, **keys: Any
) -> dict[str, Check]:
    async with CekuraService(SCENARIOS, faults=faults) as service:
        suite = bench.suite(*(runs or (HELLO,)), **keys)
        with tempfile.TemporaryDirectory() as folder:
            given = bench.settings(service, **(settings or {}))
            checks = await examine(suite, settings=given, log_folder=Path(folder))
            assert [each.name for each in checks if each.worker_log] == _kept(checks), checks
        assert service.runs == {}, "a doctor starts nothing that is billed"
        assert service.starts == []
    return {check.name: check for check in checks}


async def test_all_holds(bench: Bench) -> None:
    checks = await examined(bench, BOOKING)

    outcomes = {name: check.outcome for name, check in checks.items()}
    assert outcomes == dict.fromkeys(checks, "ok") | {"worker": "skipped", "proxies": "skipped"} | {
        name: outcome for name, outcome in outcomes.items() if name == "clock"
    }
    assert "You said: Hello" in checks["answers"].detail
    assert checks["livekit key"].detail == "key and secret are accepted"
    assert list(checks) == [
        "variables",
        "addresses",
        "proxies",
        "livekit",
        "livekit key",
        "clock",
        "cekura key",
        "scenarios",
        "set-up",
        "worker",
        "agent joins",
        "signature",
        "text proof",
        "answers",
    ]


@pytest.mark.parametrize(
    ("what", "failed", "said", "hint"),
    [
        # 401/403: check the key.
        ({"settings": {"cekura_api_key": "wrong-key-123456"}}, "cekura key", "(403)", "check CEKURA_API_KEY"),
        (
            {"faults": Faults.model_validate({"reads": {"all": {"status": 401}}})},
            "cekura key",
            "(401)",
            "CEKURA_API_KEY",
        ),
        # Room connection failures: check the room's URL and the token.
        ({"settings": {"livekit_url": "ws://127.0.0.1:9"}}, "livekit", "does not answer", "check LIVEKIT_URL"),
        ({"settings": {"livekit_api_secret": "wrong" * 9}}, "livekit key", "refuses the key", "LIVEKIT_API_SECRET"),
        ({"settings": {"livekit_api_key": "wrong-key"}}, "livekit key", "refuses the key", "LIVEKIT_API_KEY"),
        # No runs created: an id is wrong.
        ({"runs": (HELLO, 404)}, "scenarios", "not on Cekura: 404", "creates no runs"),
        # Chat messages not received: the agent was not dispatched with text_mode, or does not heed it.
        ({"behave": "unwrapped"}, "agent joins", "cekura.mode is missing", "wrap_entrypoint"),
        # "Main agent-did-not-answer": no agent came.
        (
            {"agent_name": "nobody", "agent_timeout": "3s"},
            "agent joins",
            "no worker accepted the job",
            "limit of agents of your LiveKit plan",
        ),
        ({"behave": "raise"}, "agent joins", "no database", "log"),
        ({"behave": "mute"}, "answers", "no answer to", "the key of its model"),
        ({"agent_name": None, "worker": f"python {AGENT} serve"}, "worker", "No such command", "check the command"),
    ],
)
async def test_each_fault_is_named_with_a_hint(
    bench: Bench, what: dict[str, Any], failed: str, said: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekura_agent_kit.trigger.doctor.doctor._ANSWER", 3.0)
    checks = await examined(
        bench, *what.get("runs", ()), **{key: value for key, value in what.items() if key != "runs"}
    )

    assert [name for name, check in checks.items() if check.outcome == "failed"] == [failed], checks
    assert said in checks[failed].detail
    assert hint in checks[failed].hint


async def test_a_secret_that_the_agent_lacks_is_a_warning_and_named(bench: Bench) -> None:
    checks = await examined(bench, HELLO, settings={"cekura_kit_secret": "s" * 32})

    assert [name for name, check in checks.items() if check.outcome == "warning"] == ["signature"]
    assert "signed with CEKURA_KIT_SECRET, which this worker does not have" in checks["signature"].detail
    assert "give both sides the same CEKURA_KIT_SECRET" in checks["signature"].hint


async def test_what_makes_a_scenario_worthless_is_a_warning(bench: Bench) -> None:
    checks = await examined(bench, HELLO, agent_name="nobody", agent_timeout="1s", agent=7)

    assert checks["set-up"].outcome == "warning"
    assert checks["set-up"].detail == "scenario 1 belongs to agent 812 on Cekura, and the suite names agent 7"
    assert "edit these scenarios on Cekura" in checks["set-up"].hint


async def test_missing_variables_are_all_named_and_the_rest_is_skipped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("CEKURA_API_KEY", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    checks = await examine(bench.suite(HELLO))

    assert "CEKURA_API_KEY, LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET" in checks[0].detail
    assert {check.outcome for check in checks[1:]} == {"skipped"}


async def test_a_private_address_is_named(bench: Bench) -> None:
    checks = await examined(bench, settings={"cekura_api_url": "https://93.184.216.34"})

    assert "cannot reach it" in checks["addresses"].detail


async def test_the_command_in_json(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async with CekuraService(SCENARIOS) as service:
        for key, value in (bench.server.environment | service.environment).items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(tmp_path)
        result = await asyncio.to_thread(CliRunner().invoke, app, ["doctor", "--json", "-"])

    report = json.loads(result.stdout)
    assert (result.exit_code, report["version"], report["ok"]) == (0, 1, True)
    assert [check["name"] for check in report["checks"]][-1] == "cekura key"
    assert service.api_key not in result.output
