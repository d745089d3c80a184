"""The rules as a language model in this process: for rehearsals, which have no stand-in over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from .rules import Rules


class RulesLLM(llm.LLM[Any]):
    """A language model that gives the same answers as the stand-in's ``/v1/chat/completions``.

    Args:
        rules: its answers.

    Attributes:
        unused: numbers of the rules that have answered nothing yet, from 0.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules
        self.unused = set(range(len(rules.rules)))

    @property
    def model(self) -> str:
        """The model's name in metrics."""
        return "rules"

    @property
    def provider(self) -> str:
        """The provider's name in metrics."""
        return "cekura-agent-kit"

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
        offered = [] if tool_choice == "none" else tools or []
        return _RulesStream(self, chat_ctx=chat_ctx, tools=offered, conn_options=conn_options)


class _RulesStream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, RulesLLM)
        messages, _ = self._chat_ctx.to_provider_format(format="openai")
        offered = llm.ToolContext(self._tools).parse_function_tools("openai")
        reply = self._llm.rules.reply(messages, offered)
        if reply.rule is not None:
            self._llm.unused.discard(reply.rule)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        name = uuid4().hex
        if reply.text:
            delta = llm.ChoiceDelta(role="assistant", content=reply.text)
            self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))
        if reply.call:
            arguments = json.dumps(reply.call.arguments)
            call = llm.FunctionToolCall(name=reply.call.name, arguments=arguments, call_id=f"call_{uuid4().hex}")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
            self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))
