"""One scenario's conversation, with a caller that a model plays, and its judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from livekit.agents import llm

from ...counting import counted
from ...errors import CallerError, CassetteError
from ..cekura.judgement import JudgedStatement, Judgement, Played
from ..cekura.line_use import LineUse
from ..cekura.scenarios import Scenario
from ..channels.channel import Channel, ChannelClosed
from .caller_model import CallerModel, OutOfTokens, Said
from .outcome import judged
from .prompts import versions

_TICK: Final = 0.02
"""Seconds between two looks at what has no event of its own: the agent is busy."""
_GREETING: Final = 2.0
"""Seconds of an agent's silence after which the caller begins. An agent that thinks or speaks is not silent."""
_LONGEST_TURN: Final = 120.0
"""Seconds of one turn of the agent, tools included."""
_SILENCES: Final = 2
"""Turns in a row in which the agent says nothing, after which the caller hangs up."""


class ModelCaller:
    """A caller played by a model, over one channel. Hangs up, then has the outcome judged.

    Args:
        scenario: has a ``caller``.
        channel: connected.
        model: plays the caller, and judges.
        shown: the model and its address, for errors.
        key_name: the variable with the model's key, for errors.
        answer_time: seconds for each answer of the model.
        misses: errors of requests that the model's cassette does not have, as they come.

    Attributes:
        line_use: a played caller has no lines.
    """

    def __init__(
        self,
        scenario: Scenario,
        channel: Channel,
        model: llm.LLM[Any],
        *,
        shown: str,
        key_name: str,
        answer_time: float,
        misses: Sequence[CassetteError] = (),
    ) -> None:
        assert scenario.caller is not None, "a script has the evaluator"
        self.line_use = LineUse()
        self._scenario, self._channel, self._model = scenario, channel, model
        self._caller, self._answer_time = scenario.caller, answer_time
        self._mind = CallerModel(scenario.caller, model, shown=shown, key_name=key_name, answer_time=answer_time)
        self._misses = misses
        self._turns = 0
        self._silences = 0
        self._end = "The call was ended before the caller had finished."
        self._ended_reason = "call-ended-by-request"
        self._statements = tuple(
            JudgedStatement(each, "blocked", "the call was ended before it was judged") for each in scenario.statements
        )

    @property
    def judgement(self) -> Judgement:
        """See `Conversation.judgement`."""
        outcomes = {each.outcome for each in self._statements}
        words = {"met": "Met", "not_met": "Not met", "blocked": "Could not be judged"}
        return Judgement(
            success=outcomes == {"met"},
            score=0.0 if "not_met" in outcomes else 50.0 if "blocked" in outcomes else 100.0,
            explanation=[
                *(f"{words[each.outcome]}: {each.text} {each.reason}".rstrip() for each in self._statements),
                self._end,
            ],
            ended_reason=self._ended_reason,
            statements=self._statements,
            played=Played(self._model.model, versions(), self._turns, self._mind.tokens),
        )

    async def run(self) -> Judgement:
        """Hold the conversation, hang up, and judge it.

        Raises:
            CallerError: the model cannot play the caller.
            CassetteMiss: a request to the model was not recorded.
        """
        # Of a miss the caller's model says that its endpoint failed, and the judge that there is no verdict.
        try:
            judgement = await self._hold()
        except CallerError:
            if self._misses:
                raise self._misses[0] from None
            raise
        if self._misses:
            raise self._misses[0]
        return judgement

    async def _hold(self) -> Judgement:
        try:
            await self._channel.watch_tools()
            came = await self._converse()
        except ChannelClosed as closed:
            self._ended_reason, self._end = "main-agent-ended-call", f"The agent ended the call: {closed}."
            came = True
        if not came:
            return self.judgement
        await self._channel.hang_up()
        self._statements = await judged(
            self._scenario.statements,
            self._channel.transcript,
            self._channel.uses,
            self._model,
            answer_time=self._answer_time,
        )
        return self.judgement

    async def _converse(self) -> bool:
        """Talk until the caller hangs up; return false if no agent came."""
        heard = await self._listen(_GREETING)
        if not heard and not await self._agent_came():
            self._ended_reason, self._end = "main-agent-did-not-answer", "No agent answered."
            self._statements = tuple(
                JudgedStatement(each, "not_met", "no agent answered") for each in self._scenario.statements
            )
            return False
        self._ended_reason = "testing-agent-ended-call"
        while self._turns < self._caller.turns:
            try:
                said = await self._next(heard)
            except OutOfTokens:
                self._end = f"The caller hung up: its model may use {self._caller.max_tokens:,} tokens."
                return True
            self._turns += 1
            if said.words:
                await self._channel.say(said.words)
            if said.ends:
                await self._say_goodbye(said)
                return True
            heard = await self._listen(self._scenario.patience)
            self._silences = 0 if heard else self._silences + 1
            if self._silences >= _SILENCES:
                self._end = f"The caller hung up: the agent said nothing, {_SILENCES} times in a row."
                return True
        self._end = f"The caller hung up after {counted(self._turns, 'turn')}, with its goal neither reached nor lost."
        return True

    async def _next(self, heard: str) -> Said:
        """Return the caller's answer to what it has heard."""
        if self._turns == 0 and self._caller.first_message is not None:
            if heard:
                self._mind.heard(heard)
            self._mind.said(self._caller.first_message)
            return Said(self._caller.first_message)
        self._mind.heard(heard or ("[The agent says nothing.]" if self._turns else "[The line is open.]"))
        return await self._mind.answer()

    async def _say_goodbye(self, said: Said) -> None:
        """Give the agent the time for its last words, if the caller has said some."""
        self._end = f"The caller hung up, and {'has' if said.reached else 'does not have'} what it wants"
        self._end += f": {said.reason.rstrip('.')}." if said.reason else "."
        if said.words:
            await self._listen(self._channel.goodbye_wait)

    async def _agent_came(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._scenario.patience):
                while not self._channel.agent_came:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(_TICK)
        return self._channel.agent_came

    async def _listen(self, patience: float) -> str:
        """Wait until the agent has finished its turn, and return all of its words.

        Args:
            patience: seconds in which an agent that is not busy begins to speak.
        """
        heard: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_TURN):
                quiet_since = self._channel.clock
                while self._channel.clock - quiet_since < (self._channel.calm if heard else patience):
                    if words := await self._hear(_TICK):
                        heard.append(words)
                    if words or self._channel.agent_is_busy:
                        quiet_since = self._channel.clock
        await self._channel.settle()
        while words := await self._hear(0):
            heard.append(words)
        return " ".join(heard)

    async def _hear(self, within: float) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self._channel.hear()
        return ""
