"""The sandbox's stand-in plays a cassette: what a rehearsal has recorded, an agent hears over OpenAI's API."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cekura_agent_kit import CassetteError
from cekura_agent_kit.cassettes.exchange import Answer, Fault
from cekura_agent_kit.cassettes.tape import Player, RecordMode, Tape
from cekura_agent_kit.cassettes.tape_file import read, write
from cekura_agent_kit.rehearsal import Rehearsal, cassette
from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.sandbox import Sandbox
from cekura_agent_kit.sandbox.models.service import ModelsService

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
WORDS = ("A table for two on Friday at seven, please.", "My name is Maria.")


async def talk(call: Rehearsal) -> list[str]:
    async with call:
        return [repr(await call.say(words)) for words in WORDS]


@pytest.fixture
async def recorded(rehearse: Rehearse, tmp_path: Path) -> tuple[Path, list[str]]:
    file = tmp_path / "cekura.models.yaml"
    async with ModelsService(EXAMPLE / "cekura.models.yaml") as service:
        call = rehearse(EXAMPLE / "agent.py", llm=cassette(file, record="once"), env=service.environment)
        return file, await talk(call)


def player_of(file: Path) -> Player:
    return Player(Tape(file, RecordMode.NONE), asker="the runs in the sandbox")


async def test_what_was_recorded_in_memory_is_heard_over_http(
    rehearse: Rehearse, recorded: tuple[Path, list[str]]
) -> None:
    file, said = recorded
    async with ModelsService(player_of(file)) as service:
        assert await talk(rehearse(EXAMPLE / "agent.py", env=service.environment)) == said
        assert service.gaps.recorded == []
        with pytest.raises(Exception, match="was not recorded"):
            async with rehearse(EXAMPLE / "agent.py", env=service.environment) as call:
                await call.say("Are dogs welcome?")
        (gap, *_) = service.gaps.recorded
    assert (gap.status, gap.model) == (400, "gpt-4.1-mini")
    assert "of the runs in the sandbox was not recorded" in gap.reason
    assert "is asked" in gap.reason


async def test_a_recorded_error_is_answered(rehearse: Rehearse, recorded: tuple[Path, list[str]]) -> None:
    file, _ = recorded
    agent, exchanges = read(file)
    write(file, agent, [replace(each, answer=Answer(fault=Fault(418, "No tea today"))) for each in exchanges])
    async with ModelsService(player_of(file)) as service:
        with pytest.raises(Exception, match="No tea today"):
            await talk(rehearse(EXAMPLE / "agent.py", env=service.environment))
        assert service.gaps.recorded == []


def test_the_sandbox_reads_a_cassette_in_the_place_of_rules(recorded: tuple[Path, list[str]]) -> None:
    file, _ = recorded
    scenarios = file.with_name("cekura.scenarios.yaml")
    scenarios.write_text((EXAMPLE / "cekura.scenarios.yaml").read_text())
    assert Sandbox(scenarios).rules.rules == ()
    file.write_text(file.read_text().replace("cassette: 1", "cassette: 2"))
    with pytest.raises(CassetteError, match="a cassette of version 2"):
        Sandbox(scenarios)
