"""The sandbox's parts together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from cekura_agent_kit.errors import SandboxError, ScenarioError
from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.models.service import ModelsService

EXAMPLE = Path(__file__).parents[2] / "examples/restaurant/cekura.scenarios.yaml"


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


async def notes_after(folder: Path, *words: str) -> list[str]:
    """The notes of a sandbox whose language model was asked this."""
    (folder / "scenarios.yaml").write_text("30: {name: A talk, talk: [{say: hello}]}")
    sandbox = Sandbox(folder / "scenarios.yaml")
    async with (
        ModelsService(sandbox.rules) as sandbox.models,
        CekuraService(sandbox.scenarios) as sandbox.cekura,
        openai.AsyncOpenAI(base_url=sandbox.models.url, api_key="key", max_retries=0) as client,
    ):
        for text in words:
            messages: list[Any] = [{"role": "user", "content": text}]
            await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return sandbox.notes


async def test_a_model_that_is_asked_and_has_no_rules_at_all_is_told(tmp_path: Path) -> None:
    assert await notes_after(tmp_path) == []
    (note,) = await notes_after(tmp_path, "hello")
    assert note.startswith("the language model was asked 1 time and understood nothing")
    assert note.endswith(f"no {tmp_path / 'cekura.models.yaml'}")


async def test_rules_that_answered_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "cekura.models.yaml").write_text("rules: [{user: hello, say: Hi.}, {user: bye, say: Goodbye.}]")
    (note,) = await notes_after(tmp_path, "hello", "something else")
    assert note == f"{tmp_path / 'cekura.models.yaml'}: rules that answered nothing in this run: rule 2 (user: bye)"
    assert await notes_after(tmp_path, "hello", "bye") == []
