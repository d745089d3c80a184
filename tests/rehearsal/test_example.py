"""The example's scenarios in memory: the file that the demo runs in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.scenarios import RehearsedScenario

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
SCENARIOS = EXAMPLE / "cekura.scenarios.yaml"


@pytest.mark.cekura_scenarios(
    EXAMPLE / "cekura.scenarios.yaml", entrypoint=EXAMPLE / "agent.py", llm=EXAMPLE / "cekura.models.yaml"
)
async def test_scenario(scenario: RehearsedScenario) -> None:
    judgement = await scenario.run()
    assert judgement.score == 100


async def test_a_booking(rehearse: Rehearse) -> None:
    async with rehearse(EXAMPLE / "agent.py", llm=EXAMPLE / "cekura.models.yaml") as call:
        assert "Luigi" in (await call.greeting()).text
        assert call.session.vad is not None
        assert not call.room.local_participant.track_publications
