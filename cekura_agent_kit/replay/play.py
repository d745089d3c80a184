"""The same conversation, held again in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..errors import KitError
from ..rehearsal.memory_channel import MemoryChannel
from ..rehearsal.rehearsal import Rehearsal
from ..rehearsal.transcript import transcript
from ..sandbox.cekura.evaluator import Evaluator
from ..sandbox.cekura.expectations import Answer, Replied, expectations
from ..sandbox.cekura.scenarios import Scenario
from ..sandbox.channels.channel import ToolUse
from ..verdict import Line
from .recorded import Recorded, same_words

_QUIET: Final = 1.0
"""Seconds for which an agent that has answered neither thinks nor speaks: then its answer is complete."""


@dataclass(frozen=True)
class Played:
    """A conversation that was held again.

    Attributes:
        lines: both sides' words and the agent's tool calls.
        fault: why it could not be held to its end; empty if it was.
        holds: the scenario's expectations hold; None without a scenario.
        explanation: one sentence for each of them.
        followed: the scenario was played step by step.
    """

    lines: tuple[Line, ...]
    fault: str = ""
    holds: bool | None = None
    explanation: tuple[str, ...] = ()
    followed: bool = False

    @property
    def exit_code(self) -> int:
        """0: held, and the expectations hold; 1: they do not; 2: it could not be held."""
        return 2 if self.fault else 1 if self.holds is False else 0


def follows(recorded: Recorded, scenario: Scenario) -> bool:
    """Return true if the evaluator said the scenario's own words, from the first on: then its steps can be played."""
    own = [step.say for step in scenario.talk if step.say is not None]
    said = recorded.words
    return len(said) <= len(own) and all(map(same_words, said, own))


async def play(recorded: Recorded, scenario: Scenario | None, call: Rehearsal) -> Played:
    """Hold the conversation again, in a rehearsal that has not begun.

    Where the evaluator said the scenario's own words, the scenario is played to its end. Otherwise the evaluator's
    words are said as they were, each after the agent's reply, and the scenario's expectations are judged by the whole
    conversation.
    """
    if scenario is not None and scenario.caller is not None:
        # It has no words of its own, and a model judges it.
        scenario = None
    followed = scenario is not None and follows(recorded, scenario)
    judged: tuple[bool | None, tuple[str, ...]] = (None, ())
    fault = ""
    try:
        async with call:
            try:
                if scenario is not None and followed:
                    judgement = await Evaluator(scenario, MemoryChannel(call), ends_after=_QUIET).run()
                    judged = judgement.success, tuple(judgement.explanation)
                else:
                    fault = await _say_all(recorded, call)
            finally:
                lines = tuple(transcript(call))
    except Exception as error:  # noqa: BLE001 - the agent's own code may raise anything
        lines = tuple(transcript(call)) if call.said else ()
        return Played(lines, fault=_fault_of(error), followed=followed)
    if scenario is not None and not followed and not fault:
        judged = judged_as_a_whole(scenario, lines)
    return Played(lines, fault, *judged, followed)


async def _say_all(recorded: Recorded, call: Rehearsal) -> str:
    """Say the evaluator's words; return why not all of them could be said, else an empty string."""
    for words in recorded.words:
        if call.turns and call.over:
            return f"the agent ended the call before {words!r}"
        await call.say(words)
    return ""


def _fault_of(error: Exception) -> str:
    hint = f" ({error.hint})" if isinstance(error, KitError) and error.hint else ""
    return f"{error}{hint}" if isinstance(error, KitError) else f"{type(error).__name__}: {error}"


def judged_as_a_whole(scenario: Scenario, lines: tuple[Line, ...]) -> tuple[bool, tuple[str, ...]]:
    """Judge the expectations of all steps by the whole conversation, in which their moments are not known.

    Those about time are left out.
    """
    words = " ".join(line.text for line in lines if line.role == "agent")
    uses = [ToolUse(line.name, line.arguments, line.at or 0.0) for line in lines if line.role == "tool"]
    answer = Answer(words, uses, None)
    judged = [each for step in scenario.talk for each in expectations(step) if not isinstance(each, Replied)]
    sentences = tuple(each.met(answer) if each.holds(answer) else _absent(each, answer) for each in judged)
    return all(each.holds(answer) for each in judged), sentences


def _absent(expectation: Any, answer: Answer) -> str:
    # Nothing was waited for: the conversation is over.
    sentence: str = expectation.broken(answer, 0)
    return sentence.replace("Waited 0 s to hear", "Did not hear").replace("Waited 0 s for", "There was not")
