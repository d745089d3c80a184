"""A stand-in for the models, with OpenAI's API: chat completions by rules, speech, transcriptions.

Endpoints: ``/v1/chat/completions`` (streamed and whole, with tool calls and usage), ``/v1/models``, ``/v1/audio/…``;
LiveKit Inference's ``/v1/stt`` and ``/v1/tts``.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ...cassettes.exchange import Answer, Asked
from ...cassettes.tape import Player
from ...errors import CassetteMiss
from ...safe_text import one_line
from ..channels.speech import Speech
from ..web import WebService
from .audio import add_audio_routes
from .completions import answer_of, complete
from .gaps import Gaps, Handler, error_answer
from .inference import add_inference_routes
from .rules import Rules, load_rules

_MODELS: Final = ("gpt-4.1-mini", "gpt-4o-mini", "whisper-1", "tts-1")
_BODY_LIMIT: Final = 32 * 2**20
"""Bytes: OpenAI accepts recordings of up to 25 MB."""


class ModelsService(WebService):
    """The stand-in. Serves within its context.

    Args:
        rules: the language model's answers, the file with them, or a cassette of a model's answers. Default: none, so
            that it understands nothing.
        speech: the agent's speech: what it synthesizes can be recognized in this `Speech`. Default: its own.
        caller: the caller's speech, whose utterances are recognized. Default: ``speech``.

    Attributes:
        requests: the bodies of all requests for chat completions, in order.
        unused: numbers of the rules that have answered nothing yet, from 0.
        unanswered: number of the requests that no rule answered.
        gaps: record of the requests that the hosted service would have served, and this one could not.
    """

    def __init__(
        self, rules: Rules | Player | Path | None = None, *, speech: Speech | None = None, caller: Speech | None = None
    ) -> None:
        super().__init__()
        self.speech = speech or Speech()
        self._caller = caller
        self._owns_speech = speech is None
        self._player = rules if isinstance(rules, Player) else None
        given = None if isinstance(rules, Player) else rules
        self.rules = load_rules(given) if isinstance(given, Path) else given or Rules()
        self.api_key = "sandbox-" + secrets.token_hex(16)
        self.requests: list[dict[str, Any]] = []
        self.unused = set(range(len(self.rules.rules)))
        self.unanswered = 0
        self.gaps = Gaps()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT/v1``."""
        return f"{super().url}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a worker, for OpenAI's plugins and for LiveKit Inference."""
        return {
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": self.api_key,
            "LIVEKIT_INFERENCE_URL": self.url,
        }

    def make_app(self) -> web.Application:
        """See `WebService.make_app`."""
        app = web.Application(middlewares=[self.gaps.middleware, _check_key], client_max_size=_BODY_LIMIT)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        add_audio_routes(app, self.gaps, self.speech, self._caller)
        add_inference_routes(app, self.gaps, self.speech, self._caller)
        return app

    async def stop(self) -> None:
        """See `WebService.stop`."""
        await super().stop()
        if self._owns_speech:
            await self.speech.stop()

    async def _list(self, _request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in _MODELS]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            return error_answer(400, "We could not parse the JSON body of your request.")
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
            return error_answer(400, "Missing required parameter: 'messages'.")
        self.requests.append(body)
        model = str(body.get("model", "sandbox"))
        tools = [] if body.get("tool_choice") == "none" else body.get("tools") or []
        if self._player is not None:
            try:
                answer = self._player.play(Asked.of(model, messages, tools, body.get("tool_choice")))
            except CassetteMiss as miss:
                reason = one_line(str(miss))
                self.gaps.add(request, 400, reason, model=model)
                return error_answer(400, reason)
            if answer.fault is not None and not answer.parts:
                return error_answer(answer.fault.status or 500, answer.fault.message)
        else:
            answer = await self._by_rule(messages, tools)
        return await complete(request, body, answer, model)

    async def _by_rule(self, messages: list[dict[str, Any]], tools: list[Any]) -> Answer:
        reply = self.rules.reply(messages, tools)
        if reply.rule is None:
            self.unanswered += 1
        else:
            self.unused.discard(reply.rule)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        return answer_of(reply, messages)


@web.middleware
async def _check_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    # Any key is accepted: LiveKit Inference signs a new one for each request.
    if not request.headers.get("Authorization", "").removeprefix("Bearer").strip():
        return error_answer(401, "You didn't provide an API key.")
    return await handler(request)
