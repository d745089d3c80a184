"""The model that plays a caller: its conversation, its answers, and their limits."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError, llm
from livekit.agents.types import APIConnectOptions

from ...cassettes.cassette_llm import CassetteLLM
from ...errors import CallerError
from ...safe_text import one_line
from ..cekura.played_caller import Caller
from .prompts import instructions_of

LONGEST: Final = 4_000
"""Characters of one answer: four minutes of speech."""
_TRIES: Final = 2
"""Small models give an empty answer, or a call that is none, once in a while."""
_CHARACTERS: Final = 4
"""Characters of a token, where an endpoint does not count them."""
_REFUSES_KEY: Final = (401, 403)
_END_CALL: Final[dict[str, Any]] = {
    "name": "end_call",
    "description": "Hang up, once the goal is reached or cannot be reached any more.",
    "parameters": {
        "type": "object",
        "properties": {
            "reached": {"type": "boolean", "description": "True if you got what you want."},
            "reason": {"type": "string", "description": "Why you hang up, in one sentence."},
        },
        "required": ["reached", "reason"],
        "additionalProperties": False,
    },
}


@dataclass(frozen=True)
class Said:
    """One turn of the caller.

    Attributes:
        words: may be empty if the caller ends the call.
        ends: the caller hangs up.
        reached: the caller's own opinion, if it ends the call.
        reason: of the end.
    """

    words: str
    ends: bool = False
    reached: bool = False
    reason: str = ""


class OutOfTokens(Exception):
    """The model may not read or write any more."""


class CallerModel:
    """One caller, played by a model.

    Args:
        caller: of the scenario.
        model: plays it.
        shown: the model and its address, for errors.
        key_name: the variable with the model's key, for errors.
        answer_time: seconds for one answer.

    Attributes:
        tokens: read and written so far; estimated where the endpoint does not report them.
    """

    def __init__(self, caller: Caller, model: llm.LLM[Any], *, shown: str, key_name: str, answer_time: float) -> None:
        self.tokens = 0
        self._caller, self._model = caller, model
        self._shown, self._key_name, self._answer_time = shown, key_name, answer_time
        self._talk = llm.ChatContext.empty()
        self._talk.add_message(role="system", content=instructions_of(caller))
        self._tools: list[llm.Tool] = [llm.function_tool(_never_called, raw_schema=_END_CALL)]

    def heard(self, words: str) -> None:
        """Add words of the agent, or what happens on the line in square brackets."""
        self._talk.add_message(role="user", content=words)

    def said(self, words: str) -> None:
        """Add words of the caller that the model did not write."""
        self._talk.add_message(role="assistant", content=words)

    async def answer(self) -> Said:
        """Return the caller's next turn.

        Raises:
            CallerError: the model cannot be reached, refuses, is too slow, or answers nonsense.
            OutOfTokens: it would go beyond ``max_tokens``.
        """
        for _ in range(_TRIES):
            said = await self._asked()
            if said is not None:
                if said.words:
                    self.said(said.words)
                return said
        raise CallerError(
            f"the caller's model, {self._shown}, answered with neither words nor a call of `end_call`",
            hint="name a model that can call tools, with CEKURA_KIT_LLM_MODEL",
        )

    async def _asked(self) -> Said | None:
        """Return the model's answer; None if it is nonsense."""
        left = self._caller.max_tokens - self.tokens - self._estimated
        if left <= 0:
            raise OutOfTokens
        words, calls, used = "", list[llm.FunctionToolCall](), 0
        options = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=self._answer_time)
        try:
            async with asyncio.timeout(self._answer_time):
                async with self._model.chat(chat_ctx=self._talk, tools=self._tools, conn_options=options) as stream:
                    async for chunk in stream:
                        used = chunk.usage.total_tokens if chunk.usage is not None else used
                        if chunk.delta is not None:
                            words += chunk.delta.content or ""
                            calls += chunk.delta.tool_calls
                        self._check_length(words, left)
        except TimeoutError:
            raise self._too_slow() from None
        except OutOfTokens:
            self.tokens += self._estimated + left
            raise
        except APIError as error:
            raise self._failed(error) from None
        self.tokens += used or self._estimated + _tokens(words)
        return _said(words.strip(), calls)

    @property
    def _estimated(self) -> int:
        """Tokens of the conversation so far."""
        return sum(_tokens(item.text_content or "") for item in self._talk.messages())

    def _check_length(self, words: str, left: int) -> None:
        if len(words) > LONGEST:
            raise CallerError(
                f"the caller's model, {self._shown}, wrote more than {LONGEST:,} characters in one answer",
                hint="name another model with CEKURA_KIT_LLM_MODEL",
            )
        if _tokens(words) > left:
            raise OutOfTokens

    def _too_slow(self) -> CallerError:
        return CallerError(
            f"the caller's model, {self._shown}, did not answer within {self._answer_time:g} s",
            hint="name a quicker model with CEKURA_KIT_LLM_MODEL, or start the endpoint before the suite",
        )

    def _failed(self, error: APIError) -> CallerError:
        answered = answer_to(error)
        if answered is None and isinstance(self._model, CassetteLLM) and not self._model.player.tape.records:
            return CallerError(error.message, hint="record the cassette of the callers anew, in a rehearsal")
        if answered is not None and answered.status_code in _REFUSES_KEY:
            return CallerError(
                f"the endpoint of the caller's model, {self._shown}, refuses the key ({answered.status_code})",
                hint=f"set {self._key_name} to a key of this endpoint",
            )
        if answered is not None:
            reason = one_line(answered.message).removeprefix(f"Error code: {answered.status_code} - ")[:300]
            return CallerError(
                f"the endpoint of the caller's model, {self._shown}, answered {answered.status_code}: {reason}",
                hint="check CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_MODEL",
            )
        if isinstance(error, APITimeoutError) or isinstance(error.__cause__, APITimeoutError):
            return self._too_slow()
        return CallerError(
            f"the endpoint of the caller's model, {self._shown}, cannot be reached ({one_line(error.message)[:300]})",
            hint="check CEKURA_KIT_LLM_URL, and that the endpoint is running",
        )


def answer_to(error: APIError) -> APIStatusError | None:
    """Return the error that an endpoint has answered; None if it was not reached."""
    # After its last try, livekit-agents raises an error of the connection, whatever the cause.
    found = error.__cause__ if isinstance(error, APIConnectionError) else error
    return found if isinstance(found, APIStatusError) and found.status_code > 0 else None


async def _never_called(raw_arguments: dict[str, object]) -> None:
    """Stand for `end_call`, which the caller's side reads and nobody executes."""


def _said(words: str, calls: list[llm.FunctionToolCall]) -> Said | None:
    if not calls:
        return Said(words) if words else None
    try:
        arguments = json.loads(calls[0].arguments or "{}")
    except ValueError:
        return None
    if calls[0].name != "end_call" or not isinstance(arguments, dict):
        return None
    reached, reason = arguments.get("reached"), arguments.get("reason", "")
    if not isinstance(reached, bool) or not isinstance(reason, str):
        return None
    return Said(words, ends=True, reached=reached, reason=one_line(reason)[:300])


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS)
