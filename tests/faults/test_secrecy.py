"""The search of all outputs for secrets does find them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from livekit import api

from cekura_agent_kit.verdict import Kind
from tests.faults.scene import Scene
from tests.faults.secrecy import Outputs

TOKEN = api.AccessToken("key", "s" * 32).with_identity("somebody").to_jwt()


@pytest.mark.parametrize(
    "said", ["the key is kit-0123456789.", f"wss://example.com/rtc?access_token={TOKEN}", TOKEN[:60]]
)
def test_a_secret_is_found(said: str) -> None:
    found = Outputs(secrets={"kit-0123456789"})
    found.add("log", said)
    assert len(found.leaks()) == 1


def test_what_looks_like_none_is_none() -> None:
    found = Outputs(secrets={"kit-0123456789"})
    found.add("log", "eyJ is how tokens begin; the key kit-012345678 is another; eyes.are.open")
    assert found.leaks() == []


def test_logs_and_prints_are_searched(outputs: Outputs, capfd: pytest.CaptureFixture[str]) -> None:
    """Each as a library or a careless line would leak it: this test's own outputs hold one, and are then forgotten."""
    logging.getLogger("somebody.elses").debug("connecting with %s", TOKEN)
    print(TOKEN)
    assert TOKEN in outputs.log.getvalue()
    assert TOKEN in capfd.readouterr().out
    outputs.log.truncate(0)


@pytest.mark.server
async def test_a_worker_that_prints_its_keys_tells_nobody(scene: Scene) -> None:
    """Its log is shown when it fails, and is kept: without them."""
    names = '"LIVEKIT_API_SECRET", "CEKURA_API_KEY"'
    command = f"""python -c 'import os; print("keys:", *map(os.environ.get, [{names}])); raise SystemExit(3)'"""
    verdict = await scene.run(scene.suite(worker=command))
    assert verdict.kind is Kind.WORKER_FAILED
    assert "keys: [hidden] [hidden]" in verdict.runs[0].reason
    assert "keys: [hidden] [hidden]" in _text_of(verdict.runs[0].worker_log)


def _text_of(path: str) -> str:
    return Path(path).read_text()
