"""`cekura-kit run` in this process, against stand-ins for both services that make no room and no conversation.

LiveKit's lists a ready agent in every room. Cekura's completes each run at once, with fields that a test gives it. So a
hundred answers take seconds, through the same door that users take.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from aiohttp import web
from livekit import api
from livekit.protocol.models import ParticipantInfo

from cekura_agent_kit import cli
from cekura_agent_kit.contract import KIT_ATTRIBUTE, MODE_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.runs import RunTiming
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.web import WebService
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.trigger.timing import Timing

AGENT = api.ParticipantInfo(
    identity="agent-1",
    kind=ParticipantInfo.Kind.AGENT,
    state=ParticipantInfo.State.ACTIVE,
    attributes={KIT_ATTRIBUTE: "0", MODE_ATTRIBUTE: "text", PROOF_ATTRIBUTE: TEXT_ONLY},
)
FORMS = ("json", "junit", "markdown", "html")


class ReadyRooms(WebService):
    """A stand-in for LiveKit's server API in which each room has a ready agent.

    Attributes:
        requests: number of requests by method: ``CreateRoom``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    def make_app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/twirp/{service}/{method}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.requests[method] += 1
        answers: dict[str, Any] = {
            "CreateDispatch": api.AgentDispatch(id="AD_1"),
            "ListParticipants": api.ListParticipantsResponse(participants=[AGENT]),
        }
        body = answers[method].SerializeToString() if method in answers else b""
        return web.Response(body=body, content_type="application/protobuf")


class Answers(CekuraService):
    """A stand-in for Cekura whose runs have the fields that a test gives, by scenario.

    Attributes:
        fields: replaced in each run of a scenario, in whatever answer.
        raw: body of every read of runs, in place of the right one; None for none.
        balances: of the organization, one for each read; none: the key may not read it.
    """

    def __init__(self, scenarios: Sequence[int], faults: Faults | None = None) -> None:
        # `extra` also says that no answer is as Cekura describes it.
        faults = faults or Faults(extra={"hostile": True})
        # Nothing is measured but by the fields.
        scenario = {"name": "A talk", "talk": [{"say": "hello"}], "verdict": {"metrics": []}}
        made = {each: Scenario.model_validate(scenario) for each in scenarios}
        super().__init__(made, faults=faults, timing=RunTiming(queue=0.001, scoring=0.001), join=False)
        self.fields: Mapping[int, Mapping[str, Any]] = {}
        self.raw: bytes | None = None
        self.balances: list[str] = []

    def make_app(self) -> web.Application:
        app = super().make_app()
        app.middlewares.append(self._replaced)
        app.router.add_get("/test_framework/billing/info/", self._balance)
        return app

    async def _balance(self, _request: web.Request) -> web.Response:
        if not self.balances:
            return web.json_response({"detail": "Only keys of an organization may read this."}, status=403)
        expiry = {"balance_expiry": "2099-01-01T00:00:00Z"}
        return web.json_response({"credits_remaining": self.balances.pop(0), "credits_used": "0.00"} | expiry)

    @web.middleware
    async def _replaced(self, request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        if request.method != "GET" or "/runs/" not in request.path or not isinstance(response, web.Response):
            return response
        if "/bulk/" not in request.path and not request.path.rstrip("/").rpartition("/")[2].isdigit():
            return response
        if self.raw is not None:
            return web.Response(body=self.raw, content_type="application/json")
        value = json.loads(response.text or "null")
        for run in value if isinstance(value, list) else [value]:
            run |= self.fields.get(run.get("scenario"), {})
        # NaN, Infinity and lone surrogates are written as Python reads them.
        return web.Response(body=json.dumps(value).encode(), content_type="application/json")


@dataclass
class Done:
    """One command that has ended.

    Attributes:
        code: exit code.
        printed: stdout and stderr.
        reports: text of each report by its form; none for one that was not written.
    """

    code: int
    printed: str
    reports: dict[str, str] = field(default_factory=dict)


@dataclass
class Hosted:
    """Both services, and the command."""

    rooms: ReadyRooms
    cekura: Answers

    def run(self, scenarios: Sequence[int], *options: str, entry: Mapping[str, Any] | None = None, **keys: Any) -> Done:
        """Run `cekura-kit run` with one run of each scenario, in text and without witnesses, and all reports."""
        suite: dict[str, Any] = {"name": "hosted", "agent_name": "agent", "mode": "text", "witnesses": 0}
        runs = [{"scenario": each, **(entry or {})} for each in scenarios]
        suite |= {"concurrency": len(scenarios), "timeout": "1s", "runs": runs} | keys
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "cekura.yaml")
            file.write_text(json.dumps(suite))
            paths = {form: Path(folder, f"report.{form}") for form in FORMS}
            written = [text for form, path in paths.items() for text in (f"--{form}", str(path))]
            code, printed = self.command("run", str(file), *written, *options)
            reports = {form: path.read_text("utf-8") for form, path in paths.items() if path.exists()}
        return Done(code, printed, reports)

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of `cekura-kit`, and return its exit code and what it printed."""
        output = io.StringIO()
        environment = self.cekura.environment | {
            "LIVEKIT_URL": self.rooms.url.replace("http", "ws"),
            "LIVEKIT_API_KEY": "key",
            "LIVEKIT_API_SECRET": "s" * 40,
        }
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["cekura-kit", *arguments]),
            mock.patch.object(Timing, "of", _quick_timing),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
        ):
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            else:
                code = 0
        return code, output.getvalue()


@contextmanager
def hosted(scenarios: Sequence[int], faults: Faults | None = None) -> Iterator[Hosted]:
    """Both services, served by a thread of their own: the command has this one."""
    ready, leave = threading.Event(), threading.Event()
    served: list[Hosted] = []

    async def serve() -> None:
        async with _services(scenarios, faults) as services:
            served.append(services)
            ready.set()
            await asyncio.to_thread(leave.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield served[0]
    finally:
        leave.set()
        thread.join(60)


@asynccontextmanager
async def _services(scenarios: Sequence[int], faults: Faults | None) -> AsyncIterator[Hosted]:
    async with ReadyRooms() as rooms, Answers(scenarios, faults) as cekura:
        yield Hosted(rooms, cekura)


_usual_timing = Timing.of


def _quick_timing(settings: Settings, *, shards: int = 1) -> Timing:
    """The timing of services on this machine, with shorter waits for what a hostile answer never brings."""
    return replace(_usual_timing(settings, shards=shards), group=0.3, no_verdict=0.3, after_end=0.1)
