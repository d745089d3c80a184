"""All parts of the sandbox, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ..cassettes.tape import Player, RecordMode, Tape
from ..cassettes.tape_file import is_cassette
from ..counting import counted
from ..errors import ScenarioError
from ..file_names import RULES, advice_on, default_file
from ..usage_data import SENDS_NONE
from ..variables import no_proxies
from .caller.callers import callers_beside
from .cekura.faults import Faults
from .cekura.scenarios import load_scenarios
from .cekura.service import CekuraService
from .channels.speech import Speech, check_installed
from .channels.voice import VoiceChannel
from .livekit_server import LiveKitServer
from .models.gaps import Gap
from .models.rules import Rules, load_rules
from .models.service import ModelsService


class Sandbox:
    """A livekit-server, a stand-in for the models and one for Cekura's API. They run within its context.

    The files are read by the constructor, so that errors in them are found before anything is started.

    Args:
        scenarios: the scenario file. ``cekura.models.yaml`` beside it, if it exists, has rules or is a cassette.
        say: called with one line of text before each step that takes long.
        faults: faults of the stand-in for Cekura.

    Attributes:
        livekit, models, cekura: the parts, once the context is entered.
        make_voice_channel: returns a channel whose speech the models understand, once the context is entered.

    Raises:
        ScenarioError: a file is missing or does not fit.
        CassetteError: the file in the place of the rules is a cassette, and cannot be used.
    """

    livekit: LiveKitServer
    models: ModelsService
    cekura: CekuraService
    make_voice_channel: Callable[[], VoiceChannel]

    def __init__(self, scenarios: Path, *, say: Callable[[str], None] = print, faults: Faults | None = None) -> None:
        self.scenarios = load_scenarios(scenarios)
        self._rules_file = default_file(scenarios.parent, RULES)
        self._has_rules = self._rules_file.exists()
        self._player: Player | None = None
        if is_cassette(self._rules_file):
            self._player = Player(Tape(self._rules_file, RecordMode.NONE), asker="the runs in the sandbox")
        self.rules = load_rules(self._rules_file) if self._has_rules and self._player is None else Rules()
        self._callers = callers_beside(scenarios)
        self._file, self._say, self._faults = scenarios, say, faults
        self._parts = AsyncExitStack()

    def check(self, scenarios: Collection[int], *, voice: bool) -> None:
        """Check that the sandbox can serve a suite, before anything is started.

        Args:
            scenarios: ids of the suite's scenarios.
            voice: some run is in voice.

        Raises:
            ScenarioError: the scenario file does not have all of the scenarios.
            SettingsError: a scenario has a `caller`, and no variable names a model that could play it.
            CassetteError: the cassette that plays it cannot be used.
            SandboxError: the extra `sandbox`, which voice needs, is not installed.
        """
        if missing := sorted(set(scenarios) - set(self.scenarios)):
            known = ", ".join(map(str, self.scenarios))
            raise ScenarioError(
                f"{self._file}: no scenario {', '.join(map(str, missing))}; it has {known}",
                hint="add the scenario to this file, or correct the id in the suite",
            )
        for each in scenarios:
            self._callers.check(self.scenarios[each])
        if voice:
            check_installed()

    @property
    def environment(self) -> dict[str, str]:
        """All variables of a trigger and a worker."""
        return self.livekit.environment | self.models.environment | self.cekura.environment | SENDS_NONE

    @property
    def gaps(self) -> Sequence[Gap]:
        """Requests of the agent that the stand-in for the models could not serve, oldest first."""
        return tuple(self.models.gaps.recorded)

    @property
    def notes(self) -> list[str]:
        """Notes for the user on rules and lines that matched nothing, once the conversations are over."""
        models, found = self.models, []
        if models.unanswered and not self._has_rules:
            found.append(
                f"the language model was asked {counted(models.unanswered, 'time')} and understood nothing: there are "
                f"no rules for it, no {self._rules_file}"
            )
        if models.unused:
            rules = models.rules.named(models.unused)
            found.append(f"{self._rules_file}: rules that answered nothing in this run: {rules}")
        found += [
            f"{self._file}: lines of scenario {scenario} that matched nothing in this run: {', '.join(lines)}"
            for scenario, lines in self.cekura.unused_lines.items()
        ]
        return found

    async def __aenter__(self) -> Self:
        self._say("Starting the sandbox: livekit-server, and the stand-ins for Cekura and the models.")
        if self._has_rules and (advice := advice_on(self._rules_file, RULES)):
            self._say(advice)
        async with AsyncExitStack() as parts:
            self.livekit = await parts.enter_async_context(await LiveKitServer.running(self._say))
            # After the server's program was found: its download may need them. LiveKit's client ignores NO_PROXY.
            parts.enter_context(no_proxies())
            # One for each side: its recognizer, used by the other side, knows only what this side has said.
            agent, caller = [await parts.enter_async_context(Speech()) for _ in range(2)]
            models = ModelsService(self._player or self.rules, speech=agent, caller=caller)
            self.models = await parts.enter_async_context(models)
            self.make_voice_channel = partial(VoiceChannel, caller, agent=agent)
            parts.push_async_callback(self._callers.close)
            cekura = CekuraService(
                self.scenarios,
                faults=self._faults,
                make_voice_channel=self.make_voice_channel,
                converse=self._callers.conversation,
            )
            self.cekura = await parts.enter_async_context(cekura)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()
