"""A stand-in for Cekura's API, as documented. Its evaluator joins real rooms and talks with the agent in them.

It has the endpoints that LiveKit runs need: both starts, reads of runs, results and scenarios, the ends of calls.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from ...contract import Mode
from ..channels.room import RoomChannel
from ..channels.text import TextChannel
from ..web import WebService
from .answers import Handler, body_of, documented_errors, give
from .evaluator import Evaluator
from .faults import Answer, Faults, answer_for
from .line_use import LineUse, unused_lines
from .reads import V1, V2, Reads, found
from .records import start_record
from .runs import Converse, Invitation, Result, RunTiming, SandboxRun
from .scenarios import AGENT, Scenario
from .starts import read_start

KEY_HEADER: Final = "X-CEKURA-API-KEY"
_MODES: Final = {"run_scenarios_livekit": Mode.VOICE, "run_scenarios_livekit_chat": Mode.TEXT}
_FIRST_RUN: Final = 70011
_FIRST_RESULT: Final = 9001


@dataclass
class Start:
    """A POST to a start endpoint, refused ones included.

    Attributes:
        body: the request's JSON, tokens included; None for a body that is not JSON.
        status: status of the answer; None before it is sent, and when it was not sent.
        run_ids: ids of the runs that were started.
    """

    mode: Mode
    body: Any = field(repr=False)
    status: int | None = None
    run_ids: list[int] = field(default_factory=list)


class CekuraService(WebService):
    """The stand-in. Serves within its context; leaving it ends all runs, and their evaluators leave their rooms.

    Args:
        scenarios: the scenarios, by id.
        faults: faults on request.
        timing: seconds that runs stay in queue and in scoring.
        join: False: no room is joined, and each conversation succeeds. For measurements of what starts runs.
        make_voice_channel: makes the evaluator's channel for voice. By default one that understands nothing but the
            stand-in's own synthesizer.
        converse: makes the conversation of a scenario over a channel. Default: the evaluator with the script.

    Attributes:
        starts: all POSTs to start endpoints, in order.
        runs, results: all runs and results, by id.
        requests: number of requests by kind: ``starts``, ``reads``, ``scenarios``, ``ends``.
    """

    def __init__(
        self,
        scenarios: Mapping[int, Scenario],
        *,
        faults: Faults | None = None,
        timing: RunTiming | None = None,
        join: bool = True,
        make_voice_channel: Callable[[], RoomChannel] | None = None,
        converse: Converse = Evaluator,
    ) -> None:
        super().__init__()
        self.scenarios = dict(scenarios)
        self.faults = faults or Faults()
        self.timing = timing or RunTiming()
        self.api_key = "sandbox-" + secrets.token_hex(16)
        self.starts: list[Start] = []
        self.runs: dict[int, SandboxRun] = {}
        self.results: dict[int, Result] = {}
        self.requests: Counter[str] = Counter()
        self._updates: dict[int, datetime] = {}
        self._join = join
        self._make_voice_channel = make_voice_channel
        self._converse = converse
        self._run_ids = itertools.count(_FIRST_RUN)
        self._result_ids = itertools.count(_FIRST_RESULT)
        self._runs_of_scenario: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a trigger: URL and key."""
        return {"CEKURA_API_URL": self.url, "CEKURA_API_KEY": self.api_key}

    @property
    def unused_lines(self) -> dict[int, list[str]]:
        """Lines of the scenarios that matched nothing in all runs of them, by the scenario's id."""
        uses: dict[int, list[LineUse]] = {}
        for run in self.runs.values():
            if run.line_use is not None:
                uses.setdefault(run.scenario_id, []).append(run.line_use)
        found = {each: unused_lines(self.scenarios[each], of) for each, of in sorted(uses.items())}
        return {each: list(lines.values()) for each, lines in found.items() if lines}

    def change(self, scenario_id: int, scenario: Scenario | None) -> None:
        """Store a scenario in the place of another, as an edit on Cekura would; None deletes it."""
        self._updates[scenario_id] = datetime.now(UTC)
        if scenario is None:
            self.scenarios.pop(scenario_id, None)
        else:
            self.scenarios[scenario_id] = scenario

    async def stop(self) -> None:
        """End all runs, and stop serving."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await super().stop()

    def make_app(self) -> web.Application:
        """See `WebService.make_app`."""
        app = web.Application(middlewares=[documented_errors, self._check_key])
        for name in _MODES:
            path = f"{V1}/scenarios-external/{{endpoint:{name}}}/"
            app.router.add_post(path, self._counted("starts", self._start))
        reads = Reads(self.scenarios, self.runs, self.results, self.faults, self._updates)
        for path, handler in reads.routes.items():
            kind = "scenarios" if "/scenarios/" in path else "reads"
            app.router.add_get(path, self._counted(kind, handler))
        app.router.add_post(f"{V2}/runs/{{id}}/end_call/", self._counted("ends", self._end_call))
        app.router.add_post(f"{V2}/results/{{id}}/end_calls/", self._counted("ends", self._end_calls))
        return app

    async def _start(self, request: web.Request) -> web.Response:
        start = self.starts[-1]
        invitations = read_start(start.body, mode=start.mode, known=self.scenarios)
        if self.faults.start_runs == "none":
            invitations = []
        agents = [self.scenarios[scenario_id].agent for scenario_id, _ in invitations]
        agent = start.body.get("agent") or next(iter(agents), AGENT)
        result = Result(next(self._result_ids), agent, start.mode, [])
        for scenario_id, invitation in invitations:
            run = self._start_run(result, scenario_id, invitation)
            start.run_ids.append(run.id)
        self.results[result.id] = result
        body = start_record(result)
        if self.faults.reversed:
            body["runs"].reverse()
        if self.faults.start_runs == "object":
            body["runs"] = {str(each["id"]): each for each in body["runs"]}
        return web.json_response(body, status=201)

    def _start_run(self, result: Result, scenario_id: int, invitation: Invitation) -> SandboxRun:
        self._runs_of_scenario[scenario_id] += 1
        run = SandboxRun(
            id=next(self._run_ids),
            result_id=result.id,
            scenario_id=scenario_id,
            scenario=self.scenarios[scenario_id],
            mode=result.mode,
            invitation=invitation,
            timing=self.timing,
            fault=self.faults.run(scenario_id, self._runs_of_scenario[scenario_id]),
            make_channel=self._make_channel if self._join else None,
            converse=self._converse,
        )
        result.runs.append(run)
        self.runs[run.id] = run
        task = asyncio.create_task(run.run(), name=f"run {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def _make_channel(self, mode: Mode) -> RoomChannel:
        if mode is Mode.TEXT:
            return TextChannel()
        if self._make_voice_channel is None:
            from ..channels.voice import VoiceChannel

            self._make_voice_channel = VoiceChannel
        return self._make_voice_channel()

    async def _end_call(self, request: web.Request) -> web.Response:
        found(request, self.runs)[1].end_call()
        return web.Response()

    async def _end_calls(self, request: web.Request) -> web.Response:
        for run in found(request, self.results)[1].runs:
            run.end_call()
        return web.Response()

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get(KEY_HEADER, "")
        if not key:
            return web.json_response({"detail": "Authentication credentials were not provided."}, status=401)
        if not secrets.compare_digest(key.encode(), self.api_key.encode()):
            return web.json_response({"detail": "Invalid API key."}, status=403)
        return await handler(request)

    def _counted(self, kind: str, handler: Handler) -> Handler:
        """Return the handler of a kind of request, which counts the requests and applies that kind's faults."""
        answers: Mapping[str, Answer] = getattr(self.faults, kind)

        async def answered(request: web.Request) -> web.StreamResponse:
            self.requests[kind] += 1
            answer = answer_for(answers, self.requests[kind])
            if kind != "starts":
                return await give(answer, request, handler)
            start = Start(_MODES[request.match_info["endpoint"]], await body_of(request))
            self.starts.append(start)
            response = await give(answer, request, handler)
            start.status = None if answer.lost else response.status
            return response

        return answered
