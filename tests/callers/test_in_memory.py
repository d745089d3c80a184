"""Callers that a model plays, in memory: the endpoint answers by rules, and the agent is the example's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, JobContext

from cekura_agent_kit import CallerError, CassetteMiss, SettingsError
from cekura_agent_kit.cassettes.tape import Player, RecordMode, Tape
from cekura_agent_kit.placeholder import PLACEHOLDER
from cekura_agent_kit.rehearsal import Rehearsal
from cekura_agent_kit.rehearsal.model import load_model
from cekura_agent_kit.rehearsal.rehearsed_scenario import RehearsedScenario, play_scenario
from cekura_agent_kit.sandbox.caller.callers import Callers
from cekura_agent_kit.sandbox.caller.endpoint import OPENAI, endpoint_of
from cekura_agent_kit.sandbox.models.rules import load_rules

from .endpoint import BOOKED, BOOKS, PASS, RESTAURANT, Refusing, endpoint, play, played, variables

RULES = load_rules(RESTAURANT / "cekura.models.yaml")
MET = {"user": "Statement:", "call": "submit_verdict", "with": PASS}


async def silent(ctx: JobContext) -> None:
    session: AgentSession[None] = AgentSession()
    await session.start(Agent(instructions="You say nothing."), room=ctx.room)


async def leaves(ctx: JobContext) -> None:
    session: AgentSession[None] = AgentSession()
    await session.start(Agent(instructions="You leave."), room=ctx.room)
    await session.say("We are closed. Goodbye.")
    await ctx.room.disconnect()


async def test_a_model_books_a_table_and_a_judge_says_so() -> None:
    async with endpoint(*BOOKS) as service:
        judgement = await play(played(), service)
        first = service.requests[0]
    assert (judgement.success, judgement.score, judgement.ended_reason) == (True, 100.0, "testing-agent-ended-call")
    assert judgement.explanation == [
        "Met: A table is booked. The agent says so.",
        "The caller hung up, and has what it wants: A table is booked.",
    ]
    assert judgement.played is not None
    assert (judgement.played.model, judgement.played.turns) == ("gpt-4.1-mini", 3)
    assert judgement.played.prompts == "caller 1, outcome 1"
    assert judgement.played.tokens > 0
    instructions = first["messages"][0]["content"]
    assert "What you want: Book a table for two." in instructions
    assert "- name: Maria" in instructions
    assert [each["function"]["name"] for each in first["tools"]] == ["end_call"]


async def test_the_judge_reads_words_and_tool_calls() -> None:
    async with endpoint(*BOOKS) as service:
        await play(played(), service)
        asked = service.requests[-1]["messages"][-1]["content"]
    assert "assistant: Welcome" in asked
    assert "user: My name is Maria." in asked
    assert "[function call: book_table(" in asked


async def test_the_caller_begins_where_the_agent_is_silent_and_hangs_up_on_silence() -> None:
    async with endpoint(MET, {"user": "line is open", "say": "Hello?"}) as service:
        judgement = await play(played(patience=0.2), service, silent)
    assert judgement.explanation[-1] == "The caller hung up: the agent said nothing, 2 times in a row."
    assert [each["messages"][-1]["content"] for each in service.requests[:2]] == [
        "[The line is open.]",
        "[The agent says nothing.]",
    ]


async def test_the_first_message_is_said_as_it_is() -> None:
    async with endpoint(*BOOKS) as service:
        await play(played(first_message="When are you open?", turns=1), service)
        asked = service.requests[-1]["messages"][-1]["content"]
    assert "user: When are you open?" in asked


async def test_an_agent_that_hangs_up_ends_the_call_and_is_judged() -> None:
    async with endpoint(MET) as service:
        judgement = await play(played(), service, leaves)
    assert (judgement.success, judgement.ended_reason) == (True, "main-agent-ended-call")
    assert judgement.explanation[-1] == "The agent ended the call: the agent left the room."


@pytest.mark.parametrize(
    ("verdicts", "success", "score", "blocked"),
    [
        ({"A": "pass", "B": "pass"}, True, 100.0, False),
        ({"A": "pass", "B": "fail"}, False, 0.0, False),
        ({"A": "pass", "B": "maybe"}, False, 50.0, True),
        ({"A": "fail", "B": "maybe"}, False, 0.0, False),
        ({"A": "pass", "B": "perhaps"}, False, 50.0, True),
    ],
)
async def test_statements_are_met_or_not_or_blocked(
    verdicts: dict[str, str], success: bool, score: float, blocked: bool
) -> None:
    rules = [
        {"user": f"Statement: {name}", "call": "submit_verdict", "with": {"verdict": verdict, "reasoning": "Seen."}}
        for name, verdict in verdicts.items()
    ]
    async with endpoint(*rules) as service:
        judgement = await play(played(outcome=["A", "B"], turns=1), service)
    assert (judgement.success, judgement.score, judgement.is_blocked) == (success, score, blocked)
    if verdicts["B"] == "perhaps":
        assert "the judge gave no verdict" in judgement.statements[1].reason


async def test_a_judge_that_calls_nothing_blocks_and_a_test_is_no_pass() -> None:
    async with endpoint() as service:
        callers = Callers(variables(service))
        call = Rehearsal(RESTAURANT / "agent.py", llm=load_model(RULES, []), scenario=30)
        with pytest.raises(Exception, match="scenario 30, Books, is unscored: Could not be judged: A table"):
            await RehearsedScenario(30, played(turns=1), call, callers).run()


async def test_a_statement_that_is_not_met_fails_a_test() -> None:
    not_met = {**MET, "with": {"verdict": "fail", "reasoning": "No table."}}
    async with endpoint(not_met) as service:
        call = Rehearsal(RESTAURANT / "agent.py", llm=load_model(RULES, []), scenario=30)
        with pytest.raises(AssertionError, match=r"Not met: A table is booked\. No table\."):
            await RehearsedScenario(30, played(turns=1), call, Callers(variables(service))).run()


async def test_a_caller_that_never_ends_is_ended_after_its_turns() -> None:
    async with endpoint(MET, otherwise="And then?") as service:
        judgement = await play(played(turns=3), service)
    assert judgement.played is not None
    assert judgement.played.turns == 3
    assert judgement.explanation[-1] == "The caller hung up after 3 turns, with its goal neither reached nor lost."
    assert len(service.requests) == 4


async def test_a_caller_is_ended_before_it_goes_beyond_its_tokens() -> None:
    async with endpoint(MET, otherwise="And then?") as service:
        judgement = await play(played(max_tokens=1_100), service)
    assert judgement.played is not None
    assert judgement.played.tokens <= 1_100
    assert 0 < judgement.played.turns < 20
    assert judgement.explanation[-1] == "The caller hung up: its model may use 1,100 tokens."


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"call": "end_call", "with": {"reached": "perhaps"}}, "answered with neither words nor a call of `end_call`"),
        ({"say": " "}, "answered with neither words nor a call of `end_call`"),
        ({"say": "word " * 1_000}, "wrote more than 4,000 characters in one answer"),
        ({"say": "Hello.", "delay": "30s"}, "did not answer within 0.3 s"),
    ],
)
async def test_a_model_that_answers_nonsense_or_too_late_is_named(rule: dict[str, Any], says: str) -> None:
    async with endpoint(rule) as service:
        with pytest.raises(CallerError, match=says) as caught:
            # Only the late answer has little time.
            await play(played(), service, answer_time=0.3 if "delay" in rule else 30)
        assert f"gpt-4.1-mini at http://127.0.0.1:{service.port}" in str(caught.value)
    assert "CEKURA_KIT_LLM_MODEL" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "says", "hint"),
    [
        (401, "refuses the key (401)", "set CEKURA_KIT_LLM_KEY to a key of this endpoint"),
        (404, "answered 404: no such model", "check CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_MODEL"),
        (500, "answered 500: no such model", "check CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_MODEL"),
    ],
)
async def test_an_endpoint_that_refuses_is_named(status: int, says: str, hint: str) -> None:
    async with Refusing(status, "no such model") as service:
        with pytest.raises(CallerError) as caught:
            await play(played(), service)
    assert says in str(caught.value)
    assert caught.value.hint == hint
    assert "key-of-the-caller" not in f"{caught.value}{caught.value.hint}"


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    async with Refusing(500, "") as service:
        gone = variables(service)
    callers = Callers(gone)
    with pytest.raises(CallerError, match="cannot be reached") as caught:
        await play_scenario(30, played(), silent, callers=callers)
    assert "the endpoint is running" in caught.value.hint


async def test_without_a_model_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CEKURA_KIT_LLM_URL", "CEKURA_KIT_LLM_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "")

    async def started(ctx: JobContext) -> None:
        raise AssertionError("the agent was started")

    with pytest.raises(SettingsError, match="neither CEKURA_KIT_LLM_URL and CEKURA_KIT_LLM_KEY nor OPENAI_API_KEY"):
        await play_scenario(30, played(), started)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"CEKURA_KIT_LLM_URL": "http://a/v1"}, ("http://a/v1", "", "gpt-4.1-mini")),
        # A key of OpenAI's is nobody else's.
        ({"CEKURA_KIT_LLM_URL": "http://a/v1", "OPENAI_API_KEY": "o"}, ("http://a/v1", "", "gpt-4.1-mini")),
        (
            {"CEKURA_KIT_LLM_KEY": "k", "OPENAI_BASE_URL": "http://o/v1"},
            (OPENAI, "k", "gpt-4.1-mini"),
        ),
        ({"OPENAI_API_KEY": "o", "CEKURA_KIT_LLM_MODEL": "m"}, (OPENAI, "o", "m")),
        (
            {"CEKURA_KIT_LLM_URL": "", "OPENAI_BASE_URL": "http://o/v1", "OPENAI_API_KEY": PLACEHOLDER},
            ("http://o/v1", "", "gpt-4.1-mini"),
        ),
    ],
)
def test_the_endpoint_is_found_in_the_environment(given: dict[str, str], found: tuple[str, str, str]) -> None:
    endpoint = endpoint_of(given)
    assert (endpoint.url, endpoint.key, endpoint.model) == found


async def test_with_a_cassette_the_second_run_asks_nobody(tmp_path: Path) -> None:
    file = tmp_path / "callers.yaml"

    def callers(mode: RecordMode, given: dict[str, str]) -> Callers:
        tape = Tape(file, mode)
        return Callers(given, player=lambda: Player(tape))

    async def run(callers: Callers, **caller: Any) -> Any:
        try:
            model = load_model(RULES, [])
            scenario, tools = played(**caller), {"book_table": BOOKED}
            return await play_scenario(30, scenario, RESTAURANT / "agent.py", callers=callers, llm=model, tools=tools)
        finally:
            await callers.close()

    async with endpoint(*BOOKS) as service:
        recorded = await run(callers(RecordMode.ONCE, variables(service)))
        asked = len(service.requests)
        assert asked == 4
        again = await run(callers(RecordMode.NONE, {}))
        assert len(service.requests) == asked
    assert (again.success, again.explanation) == (recorded.success, recorded.explanation)
    assert "key-of-the-caller" not in file.read_text()
    with pytest.raises(CassetteMiss, match="was not recorded"):
        await run(callers(RecordMode.NONE, {}), goal="Something else.")
