"""The stand-in for the models: over HTTP with OpenAI's own client, and in process, they answer the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from livekit.agents import inference, llm
from livekit.plugins import openai as livekit_openai

from cekura_agent_kit.sandbox.models.rules import Rules
from cekura_agent_kit.sandbox.models.rules_llm import RulesLLM
from cekura_agent_kit.sandbox.models.service import ModelsService

RULES = Rules.model_validate(
    {
        "rules": [
            {
                "user": r"table for (?P<people>\w+)",
                "say": "One moment.",
                "call": "book",
                "with": {"people": "{people}"},
            },
            {"tool": "book", "say": "It is booked: {words}"},
        ],
        "otherwise": "What is {words}?",
    }
)
BOOK: Any = {
    "type": "function",
    "function": {"name": "book", "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}}},
}


@llm.function_tool
async def book(people: int) -> str:
    """Book."""
    return f"for {people}"


@pytest.fixture
async def models() -> AsyncIterator[ModelsService]:
    async with ModelsService(RULES) as models:
        yield models


@pytest.fixture
async def client(models: ModelsService) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=models.url, api_key=models.api_key, max_retries=0) as client:
        yield client


async def test_answers_whole(client: openai.AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a b"}])
    (choice,) = reply.choices
    assert (choice.message.content, choice.finish_reason, reply.model) == ("What is a b?", "stop", "m")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (2, 4, 6)


async def test_answers_whole_with_a_call(client: openai.AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "a table for two"}], tools=[BOOK]
    )
    (call,) = reply.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("book", {"people": 2})
    assert reply.choices[0].finish_reason == "tool_calls"


async def test_answers_in_a_stream_that_ends_with_the_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "a table for 4"}],
        tools=[BOOK],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(each.delta.content or "" for each in deltas) == "One moment."
    assert len([each for each in deltas if each.delta.content]) == 2
    (call,) = [call for each in deltas for call in each.delta.tool_calls or []]
    assert call.function is not None
    assert (call.index, call.function.arguments) == (0, '{"people": 4}')
    assert deltas[-1].finish_reason == "tool_calls"
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []


async def test_no_tool_is_called_with_tool_choice_none(client: openai.AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "a table for 4"}], tools=[BOOK], tool_choice="none"
    )
    assert reply.choices[0].message.content == "What is a table for 4?"


async def test_lists_models(client: openai.AsyncOpenAI) -> None:
    assert {model.id async for model in client.models.list()} >= {"whisper-1", "tts-1"}


async def test_errors_are_shaped_as_openais(models: ModelsService, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'messages'"):
        await client.post("/chat/completions", body={"model": "m"}, cast_to=object)
    async with httpx.AsyncClient(trust_env=False) as plain:
        reply = await plain.get(f"{models.url}/models")
    assert (reply.status_code, reply.json()["error"]["type"]) == (401, "invalid_request_error")


@pytest.mark.parametrize("words", ["hm", "a table for two"])
@pytest.mark.parametrize("made", ["plugin", "inference", "in process"])
async def test_all_ways_to_the_model_answer_the_same(models: ModelsService, words: str, made: str) -> None:
    model: llm.LLM[Any] = RulesLLM(RULES)
    if made == "plugin":
        model = livekit_openai.LLM(model="m", base_url=models.url, api_key=models.api_key)
    elif made == "inference":
        model = inference.LLM("openai/gpt-4.1-mini", base_url=models.url, api_key="key", api_secret="s" * 32)
    try:
        answers = await _conversation(model, words)
    finally:
        await model.aclose()
    expected = [("One moment.", ["book"]), ("It is booked: for 2", [])] if "table" in words else [("What is hm?", [])]
    assert answers == expected


async def _conversation(model: llm.LLM[Any], words: str) -> list[tuple[str, list[str]]]:
    """The model's answers, tool calls made, until it calls none."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=words)
    answers: list[tuple[str, list[str]]] = []
    while not answers or answers[-1][1]:
        reply = await model.chat(chat_ctx=context, tools=[book]).collect()
        answers.append((reply.text, [call.name for call in reply.tool_calls]))
        for call in reply.tool_calls:
            output = await book(**json.loads(call.arguments))
            context.items.append(llm.FunctionCall(call_id=call.call_id, name=call.name, arguments=call.arguments))
            made = llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output=output, is_error=False)
            context.items.append(made)
    return answers
