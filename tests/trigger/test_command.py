"""`cekura-kit run` as a person and as a CI system meet it: a process, its output, its files, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.verdict import SuiteVerdict
from tests.trigger.bench import HELLO, MORE, SCENARIOS, Bench

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("trigger")]

KIT = Path(sys.executable).parent / "cekura-kit"


@dataclass
class Ran:
    code: int
    out: str
    err: str


async def kit(*words: str | Path, environment: Mapping[str, str], folder: Path) -> Ran:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("CEKURA_", "LIVEKIT_", "GITHUB_"))}
    process = await asyncio.create_subprocess_exec(
        KIT,
        *map(str, words),
        cwd=folder,
        env=own | dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return Ran(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Desk:
    """A folder with a suite, and the environment of a server and a stand-in."""

    folder: Path
    bench: Bench
    service: CekuraService

    @property
    def environment(self) -> dict[str, str]:
        return self.bench.server.environment | self.service.environment

    def write(self, *runs: Any, **keys: Any) -> None:
        suite = {"agent_name": self.bench.agent_name, "mode": "text", "timeout": "60s", "runs": list(runs)} | keys
        (self.folder / "cekura.yaml").write_text(yaml.safe_dump(suite))

    async def kit(self, *words: str | Path, **environment: str) -> Ran:
        return await kit(*words, environment=self.environment | environment, folder=self.folder)


@pytest.fixture
async def desk(tmp_path: Path, bench: Bench) -> Any:
    async with CekuraService(SCENARIOS) as service:
        yield Desk(tmp_path, bench, service)


async def test_all_passed_is_0_and_each_report_is_written(desk: Desk) -> None:
    desk.write({"scenario": HELLO})
    files = ["--json", "out/r.json", "--junit", "out/r.xml", "--markdown", "out/r.md", "--html", "out/r.html"]
    ran = await desk.kit("run", *files)

    assert ran.code == 0, ran
    verdict = SuiteVerdict.from_json((desk.folder / "out/r.json").read_text())
    assert [run.outcome for run in verdict.runs] == ["passed"]
    assert {path.name for path in (desk.folder / "out").iterdir()} == {"r.json", "r.xml", "r.md", "r.html"}
    assert "passed" in ran.out
    secrets = [desk.service.api_key, desk.bench.server.api_secret, desk.bench.server.api_key]
    sent = [entry["access_token"] for start in desk.service.starts for entry in start.body["scenarios"]]
    everything = ran.out + ran.err + "".join(path.read_text() for path in (desk.folder / "out").iterdir())
    assert not [secret for secret in secrets + sent if secret in everything]


async def test_some_failed_is_1_and_says_what_was_heard(desk: Desk) -> None:
    desk.write({"scenario": HELLO}, {"scenario": MORE})
    ran = await desk.kit("run")

    assert ran.code == 1, ran
    assert "the agent said" in ran.out
    assert "You said: hello" in ran.out


async def test_some_errored_is_2(desk: Desk) -> None:
    desk.write({"scenario": HELLO}, {"scenario": MORE, "metadata": {"behave": "raise"}})
    ran = await desk.kit("run")

    assert ran.code == 2, ran
    assert "no database" in ran.out


async def test_a_report_that_cannot_be_written_is_named_before_anything_is_paid_for(desk: Desk) -> None:
    desk.write({"scenario": HELLO})
    (desk.folder / "taken").write_text("")
    ran = await desk.kit("run", "--json", "taken/r.json", "--junit", "r.xml")

    assert ran.code == 2, ran
    assert "taken/r.json: the json report cannot be written" in ran.err
    assert desk.service.runs == {}


async def test_the_plan_is_printed_before_money(desk: Desk) -> None:
    desk.write({"scenario": HELLO, "repeat": 2}, {"scenario": MORE, "mode": "voice"})
    ran = await desk.kit("run", "--dry-run")

    assert ran.code == 0, ran
    assert "run_scenarios_livekit_chat/, billed 0.5 credit a message" in ran.out
    assert "run_scenarios_livekit/, billed 5 credits a minute" in ran.out
    assert f"{HELLO}#2" in ran.out
    assert desk.service.starts == []


async def test_shards_are_parts_of_one_suite(desk: Desk) -> None:
    desk.write({"scenario": HELLO, "repeat": 2}, {"scenario": MORE})
    ran = [await desk.kit("run", "--dry-run", "--shard", f"{index}/2") for index in (1, 2)]

    assert [f"{HELLO}#2" in each.out for each in ran] == [True, False]
    assert [f"{MORE}#1" in each.out for each in ran] == [False, True]
    assert (await desk.kit("run", "--shard", "3/3")).code == 2
    assert "'3/2' is not a shard" in (await desk.kit("run", "--shard", "3/2")).err


async def test_fail_fast_begins_nothing_more(desk: Desk) -> None:
    desk.write({"scenario": MORE}, {"scenario": HELLO}, concurrency=1)
    ran = await desk.kit("run", "--fail-fast", "--json", "r.json")

    runs = json.loads((desk.folder / "r.json").read_text())["runs"]
    assert [(run["outcome"], run["reason"]) for run in runs[1:]] == [("skipped", "fail_fast")]
    assert runs[0]["outcome"] == "failed"
    assert ran.code == 1
    assert len(desk.service.runs) == 1


async def test_flags_win_over_the_suite(desk: Desk) -> None:
    desk.write({"scenario": HELLO}, agent_name="nobody", mode="voice")
    ran = await desk.kit(
        "run", "--agent-name", desk.bench.agent_name, "--mode", "text", "--suite-id", "mine", "--json", "r.json"
    )

    assert ran.code == 0, ran
    assert json.loads((desk.folder / "r.json").read_text())["suite_id"] == "mine"


@pytest.mark.parametrize(
    ("environment", "said", "hint"),
    [
        ({"CEKURA_API_KEY": "", "LIVEKIT_API_SECRET": ""}, "not set: CEKURA_API_KEY, LIVEKIT_API_SECRET", "--sandbox"),
        ({"LIVEKIT_URL": "ws://127.0.0.1:9"}, "LiveKit at ws://127.0.0.1:9 does not answer", "check LIVEKIT_URL"),
        ({"LIVEKIT_API_SECRET": "wrong" * 9}, "refuses the key (401)", "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"),
        ({"CEKURA_API_KEY": "wrong-key-for-cekura"}, "Cekura refuses the key (403)", "check CEKURA_API_KEY"),
        ({"CEKURA_API_URL": "http://cekura.example.com"}, "would send the API key unencrypted", "use https://"),
        ({"CEKURA_API_URL": "https://93.184.216.34"}, "cannot reach it", "a public address"),
        ({"CEKURA_API_URL": "http://127.0.0.1:9"}, "Cekura at 127.0.0.1 does not answer", "check CEKURA_API_URL"),
    ],
)
async def test_what_is_missing_or_wrong_is_said_before_anything_is_made(
    desk: Desk, environment: dict[str, str], said: str, hint: str
) -> None:
    desk.write({"scenario": HELLO})
    ran = await desk.kit("run", **environment)

    assert ran.code == 2, ran
    assert said in " ".join((ran.out + ran.err).split())
    assert hint in " ".join((ran.out + ran.err).split())
    assert "Traceback" not in ran.out + ran.err
    assert "wrong-key-for-cekura" not in ran.out + ran.err
    assert desk.service.starts == []


async def test_the_sandbox_sets_its_own_variables_and_takes_no_other_away(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(
        textwrap.dedent("""
            import os
            from pathlib import Path
            names = ("CEKURA_API_KEY", "CEKURA_SECRET", "LIVEKIT_URL", "OPENAI_BASE_URL")
            Path("seen").write_text(repr({name: os.environ.get(name) for name in names}))
        """)
    )
    (tmp_path / "scenarios.yaml").write_text("1: {name: a, talk: [{say: hi}]}\n")
    (tmp_path / "cekura.yaml").write_text("worker: python agent.py\nmode: text\nruns: [{scenario: 1}]\n")
    users = {"CEKURA_API_KEY": "users-own-key", "CEKURA_SECRET": "users-own", "LIVEKIT_URL": "wss://users.example.com"}
    ran = await kit("run", "--sandbox", environment=users, folder=tmp_path)

    seen = (tmp_path / "seen").read_text()
    assert "users-own-key" not in seen
    assert "users.example.com" not in seen
    assert "'CEKURA_SECRET': 'users-own'" in seen
    assert "ws://127.0.0.1" in seen
    assert "http://127.0.0.1" in seen
    assert ran.code == 2
    assert "ended with exit code 0" in ran.out + ran.err
