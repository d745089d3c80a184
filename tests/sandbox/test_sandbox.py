"""The sandbox's parts together."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.errors import SandboxError, ScenarioError
from cekura_agent_kit.sandbox import Sandbox

EXAMPLE = Path(__file__).parents[2] / "examples/restaurant/scenarios.yaml"


def test_scenarios_that_it_does_not_have_are_named() -> None:
    sandbox = Sandbox(EXAMPLE)
    sandbox.check([30, 31], voice=False)
    with pytest.raises(ScenarioError) as raised:
        sandbox.check([98, 30, 99], voice=False)
    assert str(raised.value).startswith(f"{EXAMPLE}: no scenario 98, 99; it has 30, 31, 32")
    assert raised.value.hint == "add the scenario to this file, or correct the id in the suite"


def test_only_voice_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekura_agent_kit.sandbox.channels.speech.find_spec", lambda _: None)
    sandbox = Sandbox(EXAMPLE)
    sandbox.check([30], voice=False)
    with pytest.raises(SandboxError) as raised:
        sandbox.check([30], voice=True)
    assert raised.value.hint == "pip install 'cekura-agent-kit[sandbox]'"
