"""A stand-in for Cekura's API, as documented, whose evaluator really joins rooms and talks.

It answers what LiveKit runs need: both start endpoints, reads of runs and results, the ends of calls, scenarios.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import web

from ...contract import Mode
from ..channels.room import RoomChannel
from ..channels.text import TextChannel
from ..web import WebService
from .faults import Answer, Faults, answer_for
from .runs import Result, Run, RunTiming
from .scenarios import Scenario
from .starts import Refused, read_start

KEY_HEADER: Final = "X-CEKURA-API-KEY"
_V1: Final = "/test_framework/v1"
_V2: Final = "/test_framework/v2"
_PAGE_SIZE: Final = 10
_MODES: Final = {"run_scenarios_livekit": Mode.VOICE, "run_scenarios_livekit_chat": Mode.TEXT}

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Start:
    """A POST that wanted to start runs, also one that was refused.

    Attributes:
        body: as it came; it holds tokens.
        status: what it was answered; None while it is not, or when the answer was kept back.
        run_ids: what it started.
    """

    mode: Mode
    body: Any = field(repr=False)
    status: int | None = None
    run_ids: list[int] = field(default_factory=list)


class CekuraService(WebService):
    """Serves while its context lasts; leaving it ends every run and every evaluator.

    Args:
        scenarios: what can be run, by id.
        faults: how it misbehaves; without them it does not.
        timing: how long runs stay in queue and in scoring.
        join: False ends runs as passed without joining any room: for measuring what starts them.
        voice_line: makes the evaluator's voice and ears; by default ones of its own, which understand only themselves.

    Attributes:
        starts: every POST to a start endpoint, in order.
        runs: every run, by id.
        requests: how many requests came, by kind: ``starts``, ``reads``, ``ends``.
    """

    def __init__(
        self,
        scenarios: Mapping[int, Scenario],
        *,
        faults: Faults | None = None,
        timing: RunTiming | None = None,
        join: bool = True,
        voice_line: Callable[[], RoomChannel] | None = None,
    ) -> None:
        super().__init__()
        self.scenarios = scenarios
        self.faults = faults or Faults()
        self.timing = timing or RunTiming()
        self.api_key = "sandbox-" + secrets.token_hex(16)
        self.starts: list[Start] = []
        self.runs: dict[int, Run] = {}
        self.results: dict[int, Result] = {}
        self.requests: Counter[str] = Counter()
        self._join = join
        self._voice_line = voice_line
        self._run_ids = itertools.count(70011)
        self._result_ids = itertools.count(9001)
        self._named: Counter[int] = Counter()
        self._lives: set[asyncio.Task[None]] = set()

    @property
    def environment(self) -> dict[str, str]:
        """What a trigger needs to know of it."""
        return {"CEKURA_API_URL": self.url, "CEKURA_API_KEY": self.api_key}

    async def stop(self) -> None:
        """End every run, and serve no more."""
        for life in self._lives:
            life.cancel()
        if self._lives:
            await asyncio.wait(self._lives)
        await super().stop()

    def make_app(self) -> web.Application:
        """See `WebService.make_app`."""
        app = web.Application(middlewares=[_documented_errors, self._check_key])
        post, get = app.router.add_post, app.router.add_get
        for name in _MODES:
            post(f"{_V1}/scenarios-external/{{endpoint:{name}}}/", self._as("starts", self._start))
        get(f"{_V1}/scenarios/{{id}}/", self._as("reads", self._read_scenario))
        get(f"{_V2}/runs/bulk/", self._as("reads", self._read_bulk))
        get(f"{_V2}/runs/{{id}}/", self._as("reads", self._read_run))
        get(f"{_V2}/runs/", self._as("reads", self._list_runs))
        get(f"{_V2}/results/{{id}}/", self._as("reads", self._read_result))
        post(f"{_V2}/runs/{{id}}/end_call/", self._as("ends", self._end_call))
        post(f"{_V2}/results/{{id}}/end_calls/", self._as("ends", self._end_calls))
        return app

    # Starting

    async def _start(self, request: web.Request) -> web.Response:
        start = self.starts[-1]
        invited = read_start(start.body, mode=start.mode, known=self.scenarios)
        if self.faults.start_runs == "none":
            invited = []
        result = Result(next(self._result_ids), start.body.get("agent", 812), start.mode, [])
        for scenario_id, invitation in invited:
            self._named[scenario_id] += 1
            run = Run(
                id=next(self._run_ids),
                result_id=result.id,
                scenario_id=scenario_id,
                scenario=self.scenarios[scenario_id],
                mode=start.mode,
                invitation=invitation,
                timing=self.timing,
                fault=self.faults.run(scenario_id, self._named[scenario_id]),
                make_line=self._line if self._join else None,
            )
            result.runs.append(run)
            self.runs[run.id] = run
            start.run_ids.append(run.id)
            life = asyncio.create_task(run.live(), name=f"run {run.id}")
            self._lives.add(life)
            life.add_done_callback(self._lives.discard)
        self.results[result.id] = result
        body = result.started()
        if self.faults.reversed:
            body["runs"].reverse()
        if self.faults.start_runs == "object":
            body["runs"] = {str(each["id"]): each for each in body["runs"]}
        return web.json_response(body, status=201)

    def _line(self, mode: Mode) -> RoomChannel:
        if mode is Mode.TEXT:
            return TextChannel()
        if self._voice_line is None:
            from ..channels.voice import VoiceChannel

            self._voice_line = VoiceChannel
        return self._voice_line()

    # Reading

    async def _read_scenario(self, request: web.Request) -> web.Response:
        scenario_id, scenario = self._found(request, self.scenarios)
        return web.json_response(
            {"id": scenario_id, "name": scenario.name, "expected_outcome_prompt": scenario.outcome}
        )

    async def _read_bulk(self, request: web.Request) -> web.Response:
        asked = request.query.get("run_ids", "").split(",")
        if not all(each.isascii() and each.isdigit() for each in asked):
            raise Refused({"run_ids": ["Enter a comma-separated list of integers."]})
        runs = [self.runs[int(each)] for each in asked if int(each) in self.runs]
        shown = [self._show(run) for run in runs if not run.fault.missing_from_bulk]
        return web.json_response(shown[::-1] if self.faults.reversed else shown)

    async def _read_run(self, request: web.Request) -> web.Response:
        return web.json_response(self._show(self._found(request, self.runs)[1]))

    async def _list_runs(self, request: web.Request) -> web.Response:
        wanted = set(filter(None, request.query.get("status__in", "").split(",")))
        runs = [run for run in self.runs.values() if not wanted or run.shown_status in wanted]
        # Newest first, as lists of the API are.
        runs = runs if self.faults.reversed else runs[::-1]
        size, page = (
            self._number(request, name, default) for name, default in (("page_size", _PAGE_SIZE), ("page", 1))
        )
        shown = runs[(page - 1) * size : page * size]
        if page > 1 and not shown:
            raise web.HTTPNotFound(text="Invalid page.")

        def link(number: int) -> str | None:
            there = 1 <= number <= -(-len(runs) // size) and number != page
            return f"{self.url}{request.rel_url.update_query(page=number)}" if there else None

        body = {"count": len(runs), "next": link(page + 1), "previous": link(page - 1)}
        return web.json_response(body | {"results": [self._show(run) for run in shown]})

    async def _read_result(self, request: web.Request) -> web.Response:
        body = self._found(request, self.results)[1].as_json()
        shown = {str(run_id): self._show(self.runs[int(run_id)]) for run_id in body["runs"]}
        body["runs"] = shown if self.faults.result_runs == "object" else list(shown.values())
        return web.json_response(body)

    # Ending

    async def _end_call(self, request: web.Request) -> web.Response:
        self._found(request, self.runs)[1].end_call()
        return web.Response()

    async def _end_calls(self, request: web.Request) -> web.Response:
        for run in self._found(request, self.results)[1].runs:
            run.end_call()
        return web.Response()

    # Common to all

    def _show(self, run: Run) -> dict[str, Any]:
        shown = run.as_json() | self.faults.extra
        return {name: value for name, value in shown.items() if name not in self.faults.without}

    def _found(self, request: web.Request, things: Mapping[int, T]) -> tuple[int, T]:
        text = request.match_info["id"]
        thing_id = int(text) if text.isascii() and text.isdigit() else -1
        if thing_id not in things:
            raise web.HTTPNotFound(text="Not found.")
        return thing_id, things[thing_id]

    def _number(self, request: web.Request, name: str, default: int) -> int:
        text = request.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and int(text)):
            raise Refused({name: ["A valid integer is required."]})
        return int(text)

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get(KEY_HEADER, "")
        if not key:
            return web.json_response({"detail": "Authentication credentials were not provided."}, status=401)
        if not secrets.compare_digest(key.encode(), self.api_key.encode()):
            return web.json_response({"detail": "Invalid API key."}, status=403)
        return await handler(request)

    def _as(self, kind: str, handler: Handler) -> Handler:
        """The handler, counted, and answered as the faults for this kind of request have it."""
        answers: Mapping[str, Answer] = getattr(self.faults, kind)

        async def answered(request: web.Request) -> web.StreamResponse:
            self.requests[kind] += 1
            answer = answer_for(answers, self.requests[kind])
            if kind != "starts":
                return await _give(answer, request, handler)
            start = Start(_MODES[request.match_info["endpoint"]], await _json(request))
            self.starts.append(start)
            response = await _give(answer, request, handler)
            start.status = None if answer.lost else response.status
            return response

        return answered


async def _json(request: web.Request) -> Any:
    """The body; None where it is no JSON."""
    try:
        return await request.json()
    except ValueError:
        return None


async def _give(answer: Answer, request: web.Request, handler: Handler) -> web.StreamResponse:
    response: web.StreamResponse = web.Response()
    if answer.is_done:
        response = await _documented_errors(request, handler)
    if answer.delay:
        await asyncio.sleep(answer.delay)
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    if answer.status is not None or answer.body is not None:
        replaced = body if answer.body is None else answer.body.encode()
        status = answer.status or response.status
        response = web.Response(body=replaced, status=status, content_type="text/html" if answer.body else None)
        body = replaced
    response.headers.update(answer.headers)
    if answer.malformed:
        return web.Response(body=b"{'runs': [" + body, status=response.status, content_type="application/json")
    if answer.truncated:
        half = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
        half.content_length = len(body)
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
        response = half
    if (answer.lost or answer.truncated) and request.transport is not None:
        request.transport.close()
    return response


@web.middleware
async def _documented_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A middleware, for what no route answers, and around each handler, so that faults find the answer made."""
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response(refused.body, status=400)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        return web.json_response({"detail": error.text or error.reason}, status=error.status)
