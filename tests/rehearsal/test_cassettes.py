"""Cassettes in rehearsals: recorded once from the agent's own model, then played without it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, APIConnectionError, APIStatusError, JobContext, llm
from livekit.plugins import openai

from cekura_agent_kit import CassetteError, CassetteMiss
from cekura_agent_kit.cassettes.exchange import Called, Fault, Said
from cekura_agent_kit.cassettes.tape_file import read
from cekura_agent_kit.rehearsal import RecordMode, Rehearsal, cassette
from cekura_agent_kit.rehearsal.fixture import Rehearse
from cekura_agent_kit.rehearsal.memory_channel import MemoryChannel
from cekura_agent_kit.rehearsal.transcript import report
from cekura_agent_kit.sandbox.cekura.evaluator import Evaluator
from cekura_agent_kit.sandbox.cekura.scenarios import load_scenarios
from cekura_agent_kit.sandbox.models.service import ModelsService

from .restaurant import RuleModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
KEY = "sk-proj-4f8a2b9c1d7e6f3a5b8c0d2e"


async def test_recorded_from_an_endpoint_and_played_when_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "booking.yaml"
    scenario = load_scenarios(EXAMPLE / "cekura.scenarios.yaml")[30]

    async def talk(mode: RecordMode, **env: str) -> str:
        call = Rehearsal(EXAMPLE / "agent.py", llm=cassette(file, record=mode), env=env, seed=7)
        async with call:
            assert (await Evaluator(scenario, MemoryChannel(call)).run()).success
        return report(call)

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with ModelsService(EXAMPLE / "cekura.models.yaml") as service:
        recorded = await talk(RecordMode.ONCE, OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
        assert len(service.requests) == len(read(file)[1]) > 2
        gone = service.url
    written = file.read_text()
    assert [await talk(RecordMode.NONE, OPENAI_BASE_URL=gone) for _ in range(2)] == [recorded, recorded]
    assert file.read_text() == written
    assert KEY not in written
    assert gone not in written
    assert "Bearer" not in written


class Model(RuleModel):
    """The agent's own model, with a name, which counts its requests."""

    asked = 0

    @property
    def model(self) -> str:
        return "own-model"

    def chat(self, **options: Any) -> Any:
        type(self).asked += 1
        return super().chat(**options)


async def entrypoint(ctx: JobContext) -> None:
    await AgentSession[None](llm=Model("own: ")).start(Agent(instructions="Echo."), room=ctx.room)


@pytest.fixture(autouse=True)
def asked() -> None:
    Model.asked = 0


async def said(rehearse: Rehearse, file: Path, mode: str, *words: str) -> list[str]:
    async with rehearse(entrypoint, llm=cassette(file, record=mode)) as call:
        return [(await call.say(each)).text for each in words]


def another_session(rehearse: Rehearse) -> Rehearse:
    """Forget what this session of tests knows of its cassettes."""
    rehearse._tapes._tapes.clear()
    return rehearse


async def test_once_records_in_the_first_session_and_plays_in_the_next(rehearse: Rehearse, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "echo.yaml"
    assert await said(rehearse, file, "once", "hi", "ho") == ["own: You said hi", "own: You said ho"]
    assert Model.asked == 2
    # A second test of the same session asks for what it shares with the first one no second time.
    assert await said(rehearse, file, "once", "hi", "he") == ["own: You said hi", "own: You said he"]
    assert Model.asked == 3
    assert await said(another_session(rehearse), file, "once", "hi", "ho") == ["own: You said hi", "own: You said ho"]
    with pytest.raises(CassetteMiss, match="request 2 of this call was not recorded"):
        await said(rehearse, file, "once", "hi", "hu")
    assert Model.asked == 3


async def test_new_adds_and_all_forgets(rehearse: Rehearse, tmp_path: Path) -> None:
    file = tmp_path / "echo.yaml"
    await said(rehearse, file, "once", "hi")
    await said(rehearse, file, "new", "hi", "ho")
    assert (Model.asked, len(read(file)[1])) == (2, 2)
    await said(rehearse, file, "all", "ho")
    assert (Model.asked, len(read(file)[1])) == (3, 1)
    await said(rehearse, file, "none", "ho")
    assert Model.asked == 3


async def test_none_names_what_is_missing(rehearse: Rehearse, tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="there is no such cassette") as missing:
        rehearse(entrypoint, llm=cassette(tmp_path / "echo.yaml", record="none"))
    assert re.search(r"pytest '?\S+::test_none_names_what_is_missing'? --cekura-record=once", missing.value.hint)
    with pytest.raises(CassetteError, match="record='never'"):
        cassette("echo.yaml", record="never")


async def test_a_miss_fails_the_test_although_the_agent_goes_on(rehearse: Rehearse, tmp_path: Path) -> None:
    file = tmp_path / "echo.yaml"
    await said(rehearse, file, "once", "hi")

    async def speaks() -> None:
        async with rehearse(entrypoint, llm=cassette(file, record="none")) as call:
            call.speak("ho")
            await call.ended()

    with pytest.raises(CassetteMiss, match=r"the caller's words \(item 2 of the talk\): 'hi' was recorded, 'ho' is"):
        await speaks()
    assert Model.asked == 1


async def test_another_agents_cassette_is_refused(rehearse: Rehearse, tmp_path: Path) -> None:
    file = tmp_path / "echo.yaml"
    await said(rehearse, file, "once", "hi")

    async def other(ctx: JobContext) -> None:
        await entrypoint(ctx)

    with pytest.raises(CassetteError, match=r"recorded with \S+test_cassettes.py:entrypoint, and this is \S+:other"):
        async with rehearse(other, llm=cassette(file, record="none")):
            pass


async def test_a_realtime_model_is_refused_by_name(rehearse: Rehearse, tmp_path: Path) -> None:
    async def realtime(ctx: JobContext) -> None:
        session = AgentSession[None](llm=openai.realtime.RealtimeModel(api_key="none"))
        await session.start(Agent(instructions=""), room=ctx.room)

    with pytest.raises(CassetteError, match=r"openai\S*\.RealtimeModel is a realtime model") as refused:
        async with rehearse(realtime, llm=cassette(tmp_path / "echo.yaml", record="once")):
            pass
    assert refused.value.hint
    assert not (tmp_path / "echo.yaml").exists()


class Detailed(RuleModel):
    """Answers with pieces, two calls and usage; then with an error, which the service or the connection has."""

    error: Exception | None = None

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **options: Any) -> Any:
        return _Detailed(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=options["conn_options"])


class _Detailed(llm.LLMStream):
    async def _run(self) -> None:
        if Detailed.error is not None:
            raise Detailed.error
        for text in ("One ", "moment", "."):
            self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(content=text)))
        calls = [
            llm.FunctionToolCall(name="book", arguments=arguments, call_id=arguments)
            for arguments in ('{"guests":2, "who": "Zoë"}', "{")
        ]
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(tool_calls=calls)))
        usage = llm.CompletionUsage(completion_tokens=7, prompt_tokens=11, total_tokens=18)
        self._event_ch.send_nowait(llm.ChatChunk(id="1", usage=usage))


class Keeping(Agent):
    """Keeps the chunks of its model, and the error."""

    chunks: list[llm.ChatChunk]
    raised: Exception | None

    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        type(self).chunks, type(self).raised = [], None
        assert isinstance(self.session.llm, llm.LLM)
        try:
            async with self.session.llm.chat(chat_ctx=chat_ctx, tools=tools) as stream:
                async for chunk in stream:
                    self.chunks.append(chunk)
        except Exception as error:  # noqa: BLE001 - kept for the test
            type(self).raised = error
        yield "done"


async def keeping(ctx: JobContext) -> None:
    await AgentSession[None](llm=Detailed()).start(Keeping(instructions=""), room=ctx.room)


async def kept(rehearse: Rehearse, file: Path, mode: str) -> tuple[list[Any], Exception | None]:
    async with rehearse(keeping, llm=cassette(file, record=mode)) as call:
        assert (await call.say("hi")).text == "done"
    deltas = [chunk.delta for chunk in Keeping.chunks if chunk.delta]
    calls = [(each.name, each.arguments.replace(" ", "")) for delta in deltas for each in delta.tool_calls]
    assert len({each.call_id for delta in deltas for each in delta.tool_calls}) == len(calls)
    usages = [chunk.usage for chunk in Keeping.chunks if chunk.usage]
    return [[delta.content for delta in deltas if delta.content], calls, usages], Keeping.raised


async def test_pieces_calls_and_usage_are_those_of_the_model(rehearse: Rehearse, tmp_path: Path) -> None:
    Detailed.error = None
    recorded = await kept(rehearse, tmp_path / "echo.yaml", "once")
    assert recorded[0][0] == ["One ", "moment", "."]
    assert await kept(rehearse, tmp_path / "echo.yaml", "none") == recorded
    (exchange,) = read(tmp_path / "echo.yaml")[1]
    called = (Called("book", {"guests": 2, "who": "Zoë"}), Called("book", "{"))
    assert exchange.answer.parts == (Said("One moment.", (4, 6, 1)), *called)
    assert exchange.answer.usage == {"completion_tokens": 7, "prompt_tokens": 11, "total_tokens": 18}


async def test_an_error_that_the_model_answered_is_played(rehearse: Rehearse, tmp_path: Path) -> None:
    Detailed.error = APIStatusError("Bad request", status_code=400, body={"key": KEY})
    await kept(rehearse, tmp_path / "echo.yaml", "once")
    Detailed.error = None
    _, error = await kept(rehearse, tmp_path / "echo.yaml", "none")
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.message) == (400, "Bad request")
    assert read(tmp_path / "echo.yaml")[1][0].answer.fault == Fault(400, "Bad request")


@pytest.mark.parametrize("code", [-1, 1006])
async def test_an_error_without_an_http_status_is_recorded_as_one_and_read(
    rehearse: Rehearse, tmp_path: Path, code: int
) -> None:
    """A model over a WebSocket answers with none, or with the WebSocket's own code."""
    Detailed.error = APIStatusError("closed", status_code=code, retryable=False)
    await kept(rehearse, tmp_path / "echo.yaml", "once")
    Detailed.error = None
    assert read(tmp_path / "echo.yaml")[1][0].answer.fault == Fault(0, "closed")


@pytest.mark.parametrize(
    "error",
    [
        APIStatusError("Incorrect API key", status_code=401),
        APIStatusError("No access", status_code=403),
        APIConnectionError("no route", retryable=False),
    ],
)
async def test_a_refused_key_and_a_missing_network_are_not_recorded(
    rehearse: Rehearse, tmp_path: Path, error: Exception
) -> None:
    Detailed.error = error
    await kept(rehearse, tmp_path / "echo.yaml", "once")
    assert isinstance(Keeping.raised, type(error))
    assert not (tmp_path / "echo.yaml").exists()


class Endless(RuleModel):
    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, **options: Any) -> Any:
        return _Endless(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=options["conn_options"])


class _Endless(llm.LLMStream):
    async def _run(self) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(content="Once upon")))
        await asyncio.Event().wait()


async def test_an_answer_that_was_interrupted_is_kept_as_far_as_it_came(rehearse: Rehearse, tmp_path: Path) -> None:
    class Impatient(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            assert isinstance(self.session.llm, llm.LLM)
            async with self.session.llm.chat(chat_ctx=chat_ctx, tools=tools) as stream:
                async for chunk in stream:
                    assert chunk.delta is not None
                    yield chunk.delta.content
                    return

    async def impatient(ctx: JobContext) -> None:
        await AgentSession[None](llm=Endless()).start(Impatient(instructions=""), room=ctx.room)

    file = tmp_path / "echo.yaml"
    for mode in ("once", "none"):
        async with rehearse(impatient, llm=cassette(file, record=mode)) as call:
            assert (await call.say("hi")).text == "Once upon"
    (exchange,) = read(file)[1]
    assert exchange.answer.interrupted
    assert exchange.answer.parts == (Said("Once upon"),)


async def test_adapters_and_the_models_of_agents_are_recorded_once(rehearse: Rehearse, tmp_path: Path) -> None:
    async def adapted(ctx: JobContext) -> None:
        session = AgentSession[None](llm=RuleModel("session: "))
        model = llm.FallbackAdapter([Model("first: "), Model("second: ")])
        await session.start(Agent(instructions="", llm=model), room=ctx.room)

    file = tmp_path / "echo.yaml"
    for mode in ("once", "none"):
        async with rehearse(adapted, llm=cassette(file, record=mode)) as call:
            assert (await call.say("hi")).text == "first: You said hi"
            assert call.notes == []
    assert Model.asked == 1
    assert [each.asked.model for each in read(file)[1]] == ["own-model"]


async def test_a_path_of_a_cassette_is_played(rehearse: Rehearse, tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "echo.yaml"
    await said(rehearse, file, "once", "hi")
    monkeypatch.setenv("CI", "true")
    async with rehearse(entrypoint, llm=file) as call:
        assert (await call.say("hi")).text == "own: You said hi"
    assert Model.asked == 1
