"""All of the sandbox, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .cekura.faults import Faults
from .cekura.scenarios import load_scenarios
from .cekura.service import CekuraService
from .channels.speech import Speech
from .channels.voice import VoiceChannel
from .livekit_server import LiveKitServer
from .models.rules import Rules, load_rules
from .models.service import ModelsService

RULES_FILE: Final = "models.yaml"
"""Beside the scenario file: what the stand-in's language model answers."""


class Sandbox:
    """A livekit-server, a stand-in for the models and one for Cekura's API, while its context lasts.

    Files are read at once, so that what is wrong with them is said before anything is started.

    Args:
        scenarios: the scenario file; rules are read from ``models.yaml`` beside it, where there is one.
        say: told in plain words what is being done where it takes long.
        faults: how the stand-in for Cekura misbehaves.

    Attributes:
        livekit, models, cekura: the parts.

    Raises:
        ScenarioError: one of the files is missing or holds something else.
    """

    livekit: LiveKitServer
    models: ModelsService
    cekura: CekuraService

    def __init__(self, scenarios: Path, *, say: Callable[[str], None] = print, faults: Faults | None = None) -> None:
        self.scenarios = load_scenarios(scenarios)
        rules = scenarios.parent / RULES_FILE
        self.rules = load_rules(rules) if rules.exists() else Rules()
        self._say, self._faults = say, faults
        self._parts = AsyncExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """All variables that a trigger and a worker need."""
        return self.livekit.environment | self.models.environment | self.cekura.environment

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as parts:
            self.livekit = await parts.enter_async_context(await LiveKitServer.running(self._say))
            # Two of them: each side's ears know what the other's voice was asked to speak, and nothing else.
            agent, caller = [await parts.enter_async_context(Speech()) for _ in range(2)]
            self.models = await parts.enter_async_context(ModelsService(self.rules, speech=agent, caller=caller))
            cekura = CekuraService(
                self.scenarios, faults=self._faults, make_voice_channel=partial(VoiceChannel, caller, agent=agent)
            )
            self.cekura = await parts.enter_async_context(cekura)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()
