"""Checks of everything that a run needs, one by one, each with a hint. Nothing is started on Cekura."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from ...addresses import without_credentials
from ...contract import Mode
from ...errors import ForeignServer, LiveKitError, LiveKitUnreachable
from ...permit import Permit
from ..cekura.client import Cekura
from ..choosing import choose, on_cekura
from ..plan.planned_run import PlannedRun
from ..plan.suite import Suite
from ..rooms.budget import Budget
from ..rooms.room import Room
from ..rooms.service import LiveKit
from ..rooms.signature import signature_of
from ..settings.proxies import routes
from ..settings.redaction import Redaction
from ..settings.settings import Settings
from ..stop import Grace, grace_after
from ..timing import Timing
from ..worker.kept_logs import KeptLog
from ..worker.worker import Worker
from .check import Check, Doubtful, NotNeeded, Wrong, result_of
from .profiles import with_profiles
from .question import WORDS, ask
from .scenario_checks import UNKNOWN_HINT, ScenarioReport, check_scenarios

_log: Final = logging.getLogger("cekura_agent_kit.trigger")

_SKEW: Final = 8.0
"""Seconds by which the clocks may differ: tokens have a leeway of 10, and the date in LiveKit's answer no fraction."""
_ANSWER: Final = 20.0
"""Seconds for an answer: a hosted model with a tool call takes up to 8."""
_PROBE: Final = 60.0
"""Seconds for which the room of the check may be needed."""


async def examine(
    suite: Suite | None,
    *,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
    on_check: Callable[[Check], None] = lambda _: None,
    log_folder: Path | None = None,
) -> list[Check]:
    """Check everything that a run needs, in the order in which it needs it.

    Args:
        suite: its agent and scenarios are checked; None checks keys and addresses alone.
        settings: keys and addresses. Default: from the environment.
        environment: the worker's variables. Default: those of this process.
        on_check: called with each result as soon as it is known.
        log_folder: receives the worker's log if a check fails while it runs; default: a new folder among the system's
            temporary files.
    """
    # Cancelled, it deletes its room and stops its worker all the same, within seconds.
    async with AsyncExitStack() as stack:
        examination = _Examination(suite, settings, environment, on_check, stack, log_folder)
        await examination.run()
    return examination.checks


class _Examination:
    def __init__(
        self,
        suite: Suite | None,
        settings: Settings | None,
        environment: Mapping[str, str] | None,
        on_check: Callable[[Check], None],
        stack: AsyncExitStack,
        log_folder: Path | None,
    ) -> None:
        self._suite, self._given, self._environment = suite, settings, environment
        self._on_check, self._stack = on_check, stack
        self.checks: list[Check] = []
        self._usable: set[str] = set()
        """Checks on which others may build: those that passed, warned or do not apply."""
        self._redaction = Redaction()
        self._settings: Settings
        self._livekit: LiveKit
        self._cekura: Cekura
        self._room: Room
        self._report = ScenarioReport({})
        self._agent_name = suite.agent_name or "" if suite else ""
        self._log_folder = log_folder
        self._log: KeptLog | None = None

    async def run(self) -> None:
        """Make all checks; skip those that need one that failed or was skipped."""
        await self._check("variables", self._variables)
        await self._check("addresses", self._addresses, needs=["variables"])
        await self._check("proxies", self._proxies, needs=["addresses"])
        await self._check("livekit", self._livekit_answers, needs=["variables"])
        await self._check("livekit key", self._livekit_key, needs=["livekit"])
        await self._check("clock", self._clock, needs=["livekit"])
        await self._check("cekura key", self._cekura_key, needs=["variables"])
        if self._suite is not None:
            await self._check("scenarios", self._scenarios, needs=["cekura key"])
            await self._check("set-up", self._worth, needs=["scenarios"])
            plan = ["scenarios"] if self._suite.selects else []
            await self._check("worker", self._worker, needs=["livekit key", *plan])
            await self._check("agent joins", self._agent_joins, needs=["worker"])
            await self._check("signature", self._signature, needs=["agent joins"])
            await self._check("text proof", self._text_proof, needs=["agent joins"])
            await self._check("answers", self._answers, needs=["text proof"])

    async def _check(self, name: str, check: Callable[[], Awaitable[str]], *, needs: list[str] | None = None) -> None:
        if missing := [need for need in needs or [] if need not in self._usable]:
            result = Check(name, "skipped", f"needs {', '.join(missing)}")
        else:
            result = await result_of(name, check)
            if result.outcome == "failed" and self._log:
                result = replace(result, worker_log=self._log.keep())
            elif result.outcome != "failed":
                self._usable.add(name)
        self._add(result)

    def _add(self, result: Check) -> None:
        text = self._redaction.text
        result = replace(result, detail=text(result.detail), hint=text(result.hint))
        self.checks.append(result)
        self._on_check(result)

    async def _variables(self) -> str:
        folders = [self._suite.folder] if self._suite else []
        self._settings = self._given or Settings.from_environment(*folders)
        self._redaction.add(*self._settings.secrets)
        self._settings.check_text()
        return "all variables are set"

    async def _addresses(self) -> str:
        self._settings.check()
        livekit, cekura = map(without_credentials, (self._settings.room_url, self._settings.cekura_api_url))
        return f"LiveKit at {livekit}, Cekura at {cekura}"

    async def _proxies(self) -> str:
        found = routes(self._settings.cekura_api_url, self._settings.room_url)
        if found is None:
            raise NotNeeded("the environment names no proxy")
        if found.doubts:
            doubts, hints = zip(*found.doubts, strict=True)
            raise Doubtful("; ".join((found.described, *doubts)), hint="; ".join(hints))
        return f"{found.described}; sound and data pass none: they need UDP, or TURN"

    async def _livekit_answers(self) -> str:
        timing = Timing.of(self._settings)
        self._livekit = await self._stack.enter_async_context(LiveKit(self._settings, Budget(timing.livekit_requests)))
        try:
            await self._livekit.rooms(["cekura-kit"])
        except (LiveKitUnreachable, ForeignServer):
            raise
        except LiveKitError as error:
            _log.debug("the key is checked next: %s", error)
        return "the server answers"

    async def _livekit_key(self) -> str:
        await self._livekit.rooms(["cekura-kit"])
        return "key and secret are accepted"

    async def _clock(self) -> str:
        there = await self._livekit.server_time()
        if there is None:
            raise NotNeeded("the server's answer has no date")
        skew = time.time() - there
        if abs(skew) > _SKEW:
            raise Wrong(
                f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} LiveKit's",
                hint="set it by NTP: tokens are valid from and until a time, with a leeway of 10 s",
            )
        return "within a few seconds of LiveKit's"

    async def _cekura_key(self) -> str:
        self._cekura = await self._stack.enter_async_context(Cekura(self._settings))
        await self._cekura.latest_runs(1)
        return "the key is accepted"

    async def _scenarios(self) -> str:
        assert self._suite is not None, "only a suite has scenarios"
        self._suite = (await choose(self._suite, on_cekura(self._cekura))).suite
        self._suite.check_size(self._suite.plan())
        report = self._report = await check_scenarios(self._cekura, self._suite.plan(), agent=self._suite.agent)
        if report.unknown:
            raise Wrong(f"not on Cekura: {', '.join(map(str, report.unknown))}", hint=UNKNOWN_HINT)
        if report.unread:
            raise NotNeeded(f"Cekura did not answer for {', '.join(map(str, report.unread))}")
        count = len(report.known)
        return f"{count} scenario{'' if count == 1 else 's'} found"

    async def _worth(self) -> str:
        if self._report.faults:
            raise Doubtful(
                "; ".join(self._report.faults),
                hint="edit these scenarios on Cekura: a run of them costs credit and proves little",
            )
        if not self._report.known:
            raise NotNeeded("no scenario could be read")
        return "metrics, expected outcomes, end of the call, agent and duration are set"

    async def _worker(self) -> str:
        suite = self._suite
        if suite is None or suite.worker is None:
            raise NotNeeded(f"the suite starts none; a worker must already serve agent {self._agent_name!r}")
        worker = Worker(
            suite.worker,
            folder=suite.folder,
            environment=dict(os.environ if self._environment is None else self._environment)
            | self._settings.environment,
            agent_name=self._agent_name,
            wrapped=suite.needs_wrapper(suite.plan()),
            redaction=self._redaction,
        )
        self._log = KeptLog(worker.log, self._log_folder)
        self._stack.callback(worker.delete_log)
        # Once more at its end: how it ended is part of it.
        self._stack.callback(self._log.update)
        self._stack.push_async_exit(lambda kind, *_: worker.stop(within=grace_after(kind).worker))
        await worker.start()
        self._agent_name = worker.agent_name
        return "the worker registered"

    async def _agent_joins(self) -> str:
        assert self._suite is not None, "only a suite has an agent"
        suite, planned = self._suite, self._probe
        if planned.scenario in self._report.known:
            (planned,) = with_profiles([planned], self._report)
        began = time.monotonic()
        self._room = Room(self._livekit, Timing.of(self._settings), planned, suite, time.monotonic)
        self._stack.push_async_exit(lambda kind, *_: self._delete_room(grace_after(kind)))
        await self._room.create(f"doctor-{secrets.token_hex(4)}")
        permit = Permit(
            room=self._room.name,
            mode=planned.mode,
            suite=suite.name,
            case=planned.case,
            entry=planned.entry,
            scenario=planned.scenario,
        )
        metadata = permit.job_metadata(planned.job_keys, key=self._settings.signing_key, ttl=self._room.lifetime)
        await self._room.dispatch_agent(self._agent_name, metadata)
        return f"ready in a {planned.mode} run's room after {time.monotonic() - began:.1f} s"

    async def _signature(self) -> str:
        if self._suite is not None and self._suite.text_switch == "dispatch":
            raise NotNeeded("an agent that is switched to text by its dispatch is not wrapped")
        signature = signature_of(self._room.readiness.attributes)
        if signature.fault:
            raise Doubtful(signature.fault, hint=signature.hint)
        return f"the agent accepts {signature.tests} tests, and verified the signature of this one"

    async def _delete_room(self, grace: Grace) -> None:
        name = self._room.name
        if not await self._room.delete(within=grace.delete_rooms):
            hint = f"delete it once LiveKit answers: cekura-kit sweep --room {name}"
            self._add(Check("clean-up", "failed", f"room {name} could not be deleted", hint))

    @property
    def _probe(self) -> PlannedRun:
        assert self._suite is not None, "only a suite has a plan"
        plan = self._suite.plan()
        text = [planned for planned in plan if planned.mode is Mode.TEXT]
        return replace((text or plan)[0], case="doctor#1", timeout=_PROBE)

    async def _text_proof(self) -> str:
        if self._probe.mode is not Mode.TEXT:
            raise NotNeeded("the suite has no text run")
        if self._room.readiness.proven or not self._room.readiness.notes:
            return "the agent has no speech model, and no audio goes in or out"
        return self._room.readiness.notes[0]

    async def _answers(self) -> str:
        if self._probe.mode is not Mode.TEXT:
            raise NotNeeded("only an agent in text is asked a question here")
        answer = await ask(self._settings, self._room, within=_ANSWER)
        if answer is None:
            raise Wrong(
                f"no answer to {WORDS!r} within {_ANSWER:g} s",
                hint="read the agent's log: check that the key of its model is set where the worker runs, and that "
                "its entrypoint is wrapped with wrap_entrypoint, which delivers the chat",
            )
        return f"after {answer.seconds:.1f} s: {answer.text[:80]}"
