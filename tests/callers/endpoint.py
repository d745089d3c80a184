"""An endpoint whose rules play callers and judges, and an agent that books tables in memory."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from cekura_agent_kit.rehearsal.rehearsed_scenario import play_scenario
from cekura_agent_kit.sandbox.caller.callers import Callers
from cekura_agent_kit.sandbox.cekura.judgement import Judgement
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.models.rules import Rules
from cekura_agent_kit.sandbox.models.service import ModelsService
from cekura_agent_kit.sandbox.web import WebService

RESTAURANT = Path(__file__).parents[2] / "examples" / "restaurant"
PASS = {"verdict": "pass", "reasoning": "The agent says so."}
FAIL = {"verdict": "fail", "reasoning": "The agent does not say so."}
BOOKED = {"returns": "A table for 2 is booked on friday at 19:00, in the name of Maria."}
"""Double of `book_table`: the diary of the example belongs to the process, and has 40 seats for all tests."""
BOOKS: list[dict[str, Any]] = [
    # As a judge would: only if the agent says so in the conversation.
    {
        "user": r"Statement: A table is booked[\s\S]*assistant: [^\n]*is booked",
        "call": "submit_verdict",
        "with": PASS,
    },
    {"user": "Statement: A table is booked", "call": "submit_verdict", "with": FAIL},
    {"user": "what is your name", "say": "My name is Maria."},
    # Only of the whole turn: before and after the tool.
    {
        "user": "one moment, please. .*is booked",
        "say": "Thank you, goodbye.",
        "call": "end_call",
        "with": {"reached": True, "reason": "A table is booked"},
    },
    {"user": "welcome", "say": "A table for two on friday at seven, please."},
]


def played(*, outcome: Any = "A table is booked.", patience: float = 5, **caller: Any) -> Scenario:
    caller = {"goal": "Book a table for two.", "facts": {"name": "Maria"}} | caller
    return Scenario.model_validate({"name": "Books", "caller": caller, "outcome": outcome, "patience": patience})


@asynccontextmanager
async def endpoint(*rules: dict[str, Any], otherwise: str = "Pardon?") -> AsyncIterator[ModelsService]:
    async with ModelsService(Rules.model_validate({"rules": rules, "otherwise": otherwise})) as service:
        yield service


@contextmanager
def served(*rules: dict[str, Any]) -> Iterator[ModelsService]:
    """The endpoint in a thread of its own, for what runs a loop of its own."""
    ready, leave = threading.Event(), threading.Event()
    services: list[ModelsService] = []

    async def serve() -> None:
        async with endpoint(*rules) as service:
            services.append(service)
            ready.set()
            await asyncio.to_thread(leave.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield services[0]
    finally:
        leave.set()
        thread.join(60)


def written(**scenarios: Scenario) -> str:
    """The text of a scenario file; ``n30`` has the id 30."""
    values = {name[1:]: each.model_dump(mode="json", exclude_defaults=True) for name, each in scenarios.items()}
    return json.dumps({int(number): value for number, value in values.items()})


def variables(service: ModelsService | Refusing, **more: str) -> dict[str, str]:
    return {"CEKURA_KIT_LLM_URL": service.url, "CEKURA_KIT_LLM_KEY": "key-of-the-caller"} | more


async def play(
    scenario: Scenario,
    service: ModelsService | Refusing,
    target: object = RESTAURANT / "agent.py",
    *,
    answer_time: float = 30,
    **options: Any,
) -> Judgement:
    callers = Callers(variables(service), answer_time=answer_time)
    if target == RESTAURANT / "agent.py":
        options = {"llm": RESTAURANT / "cekura.models.yaml", "tools": {"book_table": BOOKED}} | options
    try:
        return await play_scenario(30, scenario, target, callers=callers, **options)
    finally:
        await callers.close()


class Refusing(WebService):
    """An endpoint that refuses every request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__()
        self._status, self._message = status, message

    @property
    def url(self) -> str:
        return f"{super().url}/v1"

    def make_app(self) -> web.Application:
        async def refuse(_: web.Request) -> web.Response:
            return web.json_response({"error": {"message": self._message}}, status=self._status)

        app = web.Application()
        app.router.add_post("/v1/chat/completions", refuse)
        return app
