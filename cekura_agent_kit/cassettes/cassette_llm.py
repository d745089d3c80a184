"""A language model that plays a cassette, and asks another model for what is to be recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from livekit.agents import APIConnectionError, APIStatusError, APITimeoutError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from ..errors import CassetteError, CassetteMiss
from .exchange import Answer, Asked, Called, Fault, Said
from .tape import Player

__tracebackhide__ = True

_REFUSES_KEY: Final = (401, 403)
_TOO_SLOW: Final = 408


class CassetteLLM(llm.LLM[Any]):
    """Model that plays a cassette in the place of another.

    Args:
        own: the other model, which is asked for what is to be recorded.
        player: the cassette.
        fail: called with the error for a request that was not recorded.
    """

    def __init__(self, own: llm.LLM[Any], player: Player, fail: Callable[[CassetteError], object]) -> None:
        super().__init__()
        self.own, self.player, self.fail = own, player, fail

    @property
    def model(self) -> str:
        """The name of the other model."""
        return self.own.model

    @property
    def provider(self) -> str:
        """The provider of the other model."""
        return self.own.provider

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """See `livekit.agents.llm.LLM.chat`."""
        messages, _ = chat_ctx.to_provider_format(format="openai")
        offered = llm.ToolContext(tools or []).parse_function_tools("openai")
        asked = Asked.of(self.model, messages, offered, tool_choice)
        request = {
            "chat_ctx": chat_ctx,
            "tools": tools,
            "conn_options": conn_options,
            "parallel_tool_calls": parallel_tool_calls,
            "tool_choice": tool_choice,
            "extra_kwargs": extra_kwargs,
        }
        return _CassetteStream(self, asked, request)


class _CassetteStream(llm.LLMStream):
    """One answer, played or recorded."""

    def __init__(self, model: CassetteLLM, asked: Asked, request: dict[str, Any]) -> None:
        self._model, self._asked, self._request = model, asked, request
        super().__init__(
            model,
            chat_ctx=request["chat_ctx"],
            tools=request["tools"] or [],
            # The other model retries; what it answered in the end is recorded.
            conn_options=replace(request["conn_options"], max_retry=0),
        )

    async def _run(self) -> None:
        try:
            answer = self._model.player.answer(self._asked)
        except CassetteMiss as miss:
            self._model.fail(miss)
            raise APIConnectionError(str(miss), retryable=False) from None
        if answer is None:
            await self._record()
        else:
            self._play(answer)

    def _play(self, answer: Answer) -> None:
        name = uuid4().hex
        for number, part in enumerate(answer.parts):
            for piece in part.pieces if isinstance(part, Said) else ():
                self._send(name, llm.ChoiceDelta(role="assistant", content=piece))
            if isinstance(part, Called):
                call = llm.FunctionToolCall(name=part.tool, arguments=part.json, call_id=f"call_{name}_{number}")
                self._send(name, llm.ChoiceDelta(role="assistant", tool_calls=[call]))
        if answer.usage:
            counts = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0} | dict(answer.usage)
            self._event_ch.send_nowait(llm.ChatChunk(id=name, usage=llm.CompletionUsage.model_validate(counts)))
        if answer.fault is not None:
            raise _error(answer.fault)

    def _send(self, name: str, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))

    async def _record(self) -> None:
        """Ask the other model, and record what it answers."""
        heard = _Heard()
        try:
            async with self._model.own.chat(**self._request) as stream:
                async for chunk in stream:
                    heard.add(chunk)
                    self._event_ch.send_nowait(chunk)
        except (APIConnectionError, APIStatusError) as error:
            if (fault := _fault(error)) is not None:
                self._model.player.record(self._asked, heard.answer(fault=fault))
            raise
        except asyncio.CancelledError:
            if heard.parts:
                self._model.player.record(self._asked, heard.answer(interrupted=True))
            raise
        self._model.player.record(self._asked, heard.answer())


class _Heard:
    """An answer of a model, as far as it has come.

    Attributes:
        parts: words and calls, in order.
    """

    def __init__(self) -> None:
        self.parts: list[Said | Called] = []
        self._usage: dict[str, int] = {}

    def add(self, chunk: llm.ChatChunk) -> None:
        """Add a chunk. What a vendor alone understands, such as signatures of thoughts, is left out."""
        if chunk.usage is not None:
            counts = chunk.usage.model_dump()
            self._usage = {name: count for name, count in counts.items() if isinstance(count, int) and count}
        if chunk.delta is None:
            return
        if words := chunk.delta.content:
            last = self.parts.pop() if self.parts and isinstance(self.parts[-1], Said) else Said("")
            assert isinstance(last, Said), "it was just looked at"
            self.parts.append(Said(last.text + words, (*last.chunks, len(words))))
        self.parts += [Called(call.name, _arguments(call.arguments)) for call in chunk.delta.tool_calls]

    def answer(self, *, fault: Fault | None = None, interrupted: bool = False) -> Answer:
        """Return the answer."""
        parts = [
            replace(part, chunks=()) if isinstance(part, Said) and len(part.chunks) == 1 else part
            for part in self.parts
        ]
        return Answer(tuple(parts), self._usage, fault, interrupted)


def _arguments(text: str) -> dict[str, Any] | str:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _fault(error: APIConnectionError | APIStatusError) -> Fault | None:
    """Return the error that a model has answered; None for a refused key, and where it was not reached."""
    # After its last try, livekit-agents raises an error of the connection, whatever the cause.
    answered = error if isinstance(error, APIStatusError) else error.__cause__
    if not isinstance(answered, APIStatusError) or answered.status_code in _REFUSES_KEY:
        return None
    # livekit-agents gives -1 where an answer had no status, and a WebSocket's own code, such as 1006, where it closed.
    has_status = 100 <= answered.status_code <= 599
    return Fault(answered.status_code if has_status else 0, answered.message)


def _error(fault: Fault) -> APIConnectionError | APIStatusError:
    if fault.status == _TOO_SLOW:
        return APITimeoutError(fault.message, retryable=False)
    if fault.status == 0:
        return APIConnectionError(fault.message, retryable=False)
    return APIStatusError(fault.message, status_code=fault.status, retryable=False)
