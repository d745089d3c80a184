"""The outcome of a call, judged statement by statement by livekit-agents' own judges."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from livekit.agents import APIError, llm
from livekit.agents.types import APIConnectOptions

from ...safe_text import one_line
from ..cekura.judgement import JudgedStatement
from ..channels.channel import ToolUse, Utterance
from .caller_model import answer_to
from .internals import judge_by
from .prompts import criteria_of

_OUTCOMES: Final[dict[str, Literal["met", "not_met", "blocked"]]] = {
    "pass": "met",
    "fail": "not_met",
    "maybe": "blocked",
}


async def judged(
    statements: Sequence[str],
    transcript: Iterable[Utterance],
    uses: Iterable[ToolUse],
    model: llm.LLM[Any],
    *,
    answer_time: float,
) -> tuple[JudgedStatement, ...]:
    """Judge each statement by the words and tool calls of a conversation, one after the other.

    A judge that fails, or that gives no verdict, blocks its statement.

    Raises:
        CallerError: this version of livekit-agents has no such judge.
    """
    talk = _talk_of(transcript, uses)
    asked = _Judging(model, answer_time)
    return tuple([await _judged(each, talk, asked, answer_time) for each in statements])


async def _judged(statement: str, talk: llm.ChatContext, model: llm.LLM[Any], answer_time: float) -> JudgedStatement:
    judge = judge_by(criteria_of(statement), model, name="outcome")
    try:
        async with asyncio.timeout(answer_time):
            result = await judge.evaluate(chat_ctx=talk)
    except TimeoutError:
        return JudgedStatement(statement, "blocked", f"the judge did not answer within {answer_time:g} s")
    except APIError as error:
        answered = answer_to(error)
        what = f"the judge's endpoint answered {answered.status_code}" if answered else "the judge was not reached"
        return JudgedStatement(statement, "blocked", f"{what}: {one_line(str(error.message))[:300]}")
    except (ValueError, TypeError, llm.ToolError) as error:
        # livekit-agents checks the arguments of the model's call, and raises these.
        return JudgedStatement(statement, "blocked", f"the judge gave no verdict ({one_line(str(error))[:300]})")
    outcome = _OUTCOMES.get(str(result.verdict), "blocked")
    return JudgedStatement(statement, outcome, one_line(str(result.reasoning))[:1000])


def _talk_of(transcript: Iterable[Utterance], uses: Iterable[ToolUse]) -> llm.ChatContext:
    """Return a conversation as livekit-agents' judges read it."""
    roles: dict[str, Literal["user", "assistant"]] = {"evaluator": "user", "agent": "assistant"}
    items: list[tuple[float, llm.ChatItem]] = [
        (each.start, llm.ChatMessage(role=roles[each.speaker], content=[each.text])) for each in transcript
    ]
    for number, use in enumerate(uses):
        arguments = json.dumps(dict(use.arguments), ensure_ascii=False, default=str)
        items.append((use.at, llm.FunctionCall(call_id=f"call_{number}", name=use.name, arguments=arguments)))
    return llm.ChatContext([item for _, item in sorted(items, key=lambda each: each[0])])


class _Judging(llm.LLM[Any]):
    """The caller's model, as a judge asks it: with our limits, and without what some endpoints refuse."""

    def __init__(self, own: llm.LLM[Any], answer_time: float) -> None:
        super().__init__()
        self._own, self._answer_time = own, answer_time

    @property
    def model(self) -> str:
        """The model's name."""
        return self._own.model

    @property
    def provider(self) -> str:
        """The model's provider."""
        return self._own.provider

    def chat(self, **asked: Any) -> llm.LLMStream:
        """See `livekit.agents.llm.LLM.chat`. Up to 1.7 judges ask for a ``reasoning_effort`` that OpenAI may refuse."""
        extra = asked.get("extra_kwargs")
        if isinstance(extra, dict):
            asked["extra_kwargs"] = {key: value for key, value in extra.items() if key != "reasoning_effort"}
        asked["conn_options"] = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=self._answer_time)
        return self._own.chat(**asked)
