"""One round: the agent's modules imported anew, and its scenarios rehearsed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ..errors import KitError
from ..own_code import raised_at, shown_path
from ..rehearsal.memory_channel import MemoryChannel
from ..rehearsal.model import load_model
from ..rehearsal.modules import find_with_own_modules
from ..rehearsal.processes import Processes
from ..rehearsal.rehearsal import Rehearsal
from ..rehearsal.scenario_state import given_to, planned_run
from ..rehearsal.tapes import Tapes
from ..rehearsal.transcript import report
from ..sandbox.caller.callers import Callers, callers_beside, has_cassette
from ..sandbox.cekura.scenarios import Scenario, load_scenarios
from ..trigger.plan.suite import Suite
from .findings import Broken, Finding, Order, Planned, Result
from .subject import Subject

_QUIET: Final = 0.5
"""Seconds for which an agent that has answered neither thinks nor speaks: then its answer is complete. Half of a
replay's: somebody waits for each result."""


class Round:
    """One round.

    Args:
        subject: what is rehearsed.
        order: the scenarios that need not run, and those that run first.
        send: called with each finding.
        printed: returns what this process has printed since the last call.
    """

    def __init__(
        self, subject: Subject, order: Order, send: Callable[[Finding], object], printed: Callable[[], str]
    ) -> None:
        self._subject, self._order = subject, order
        self._folders = [Path.cwd()]
        self._send, self._printed = send, printed
        self._processes, self._tapes = Processes(), Tapes()

    async def run(self) -> None:
        """Rehearse; what cannot be used is sent as a finding."""
        subject = self._subject
        with ExitStack() as resources:
            try:
                scenarios = load_scenarios(subject.scenarios)
                suite = Suite.load(subject.suite) if subject.suite is not None else None
                plays_callers = self._plays_callers
                played = [each for each in scenarios.values() if each.caller is not None and plays_callers]
                callers = callers_beside(subject.scenarios, recorded=subject.llm is not None) if played else Callers()
                for each in played:
                    callers.check(each)
                load_model(subject.llm, self._folders, self._tapes)
                find_with_own_modules(subject.target, self._folders, {}, resources)
            except Exception as error:  # noqa: BLE001 - the agent's own code may raise anything
                self._send(Broken(sentence_of(error), _hint(error), self._printed()))
                return
            left_out = tuple(
                number for number, each in scenarios.items() if each.caller is not None and not plays_callers
            )
            digests = {number: _digest(each) for number, each in scenarios.items() if number not in left_out}
            ids = in_order(self._order, digests)
            self._send(Planned(ids, len(digests), left_out))
            self._printed()
            try:
                for number in ids:
                    self._send(await self._result(number, scenarios[number], digests[number], suite, callers))
            finally:
                await callers.close()

    @property
    def _plays_callers(self) -> bool:
        """Each saved file would ask a model anew: that is for the user to say, unless its answers are recorded."""
        subject = self._subject
        return subject.plays_callers or (subject.llm is not None and has_cassette(subject.scenarios))

    async def _result(
        self, number: int, scenario: Scenario, digest: str, suite: Suite | None, callers: Callers
    ) -> Result:
        began = time.monotonic()
        planned = planned_run(suite, number) if suite is not None else None
        call: Rehearsal | None = None
        problems: tuple[str, ...] = ()
        try:
            call = Rehearsal(
                self._subject.target,
                llm=load_model(self._subject.llm, self._folders, self._tapes),
                scenario=number,
                suite=suite.name if suite is not None else "watch",
                processes=self._processes,
                **given_to(number, scenario, planned, {}),
            )
            async with call:
                conversation = callers.conversation(scenario, MemoryChannel(call), ends_after=_QUIET)
                judgement = await conversation.run()
            problems = tuple(judgement.problems)
        except Exception as error:  # noqa: BLE001 - the agent's own code may raise anything
            problems = (sentence_of(error), *filter(None, [_hint(error)]))
        seconds, output = time.monotonic() - began, self._printed()
        if not problems:
            return Result(number, scenario.name, digest, seconds)
        talk = report(call) if call is not None else ""
        return Result(number, scenario.name, digest, seconds, problems, talk, output)


def in_order(order: Order, digests: dict[int, str]) -> tuple[int, ...]:
    """Return the ids of the scenarios to rehearse.

    After a change of the agent: all, those that failed first. After a change of the scenario file: those whose text
    changed, then those that failed.

    Args:
        order: of the round.
        digests: the scenarios of the file, each with the digest of its text.
    """
    changed = [number for number, digest in digests.items() if order.done.get(number) != digest]
    failed = [number for number in digests if number in order.failed]
    return tuple(dict.fromkeys([*changed, *failed] if order.done else [*failed, *changed]))


def sentence_of(error: BaseException) -> str:
    """Return a sentence on an error, with the file and line of the agent's own code at which it was raised."""
    if isinstance(error, KitError):
        return str(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown_path(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    place = raised_at(error)
    return f"{place}: {text}" if place else text


def _hint(error: BaseException) -> str:
    return error.hint if isinstance(error, KitError) else " ".join(getattr(error, "__notes__", ()))


def _digest(scenario: Scenario) -> str:
    return hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()
