"""Rules in the place of a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.errors import ScenarioError
from cekura_agent_kit.sandbox.models.rules import Reply, Rules, ToolCall, load_rules

TOOL = {
    "type": "function",
    "function": {
        "name": "book",
        "parameters": {"properties": {"people": {"type": "integer"}, "day": {"type": "string"}}},
    },
}


def rules(*each: dict[str, Any], **rest: Any) -> Rules:
    return Rules.model_validate({"rules": each, **rest})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def called(name: str, output: str) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": output},
    ]


def test_the_first_rule_that_fits_answers() -> None:
    model = rules({"user": "good", "say": "first"}, {"user": "good morning", "say": "second"})
    assert model.reply([user("Good MORNING")]) == Reply("first")


def test_only_the_latest_words_are_searched() -> None:
    model = rules({"user": "table", "say": "booked"}, {"user": "bye", "say": "goodbye"})
    assert model.reply([user("a table"), {"role": "assistant", "content": "booked"}, user("bye")]).text == "goodbye"


def test_words_that_no_rule_fits_are_answered_recognisably() -> None:
    assert rules().reply([user("Hm?")]).text == 'No rule of the sandbox answers "Hm?".'
    assert rules(otherwise="Say again: {words}").reply([user("Hm?")]).text == "Say again: Hm?"


@pytest.mark.parametrize(("words", "people"), [("4", 4), ("four", 4), ("Twelve", 12), ("many", "many")])
def test_captured_words_fill_a_call_as_the_tool_declares(words: str, people: object) -> None:
    fit = {"user": r"for (?P<people>\w+) on (?P<day>\w+)", "call": "book", "say": "On {day}."}
    model = rules(fit | {"with": {"people": "{people}", "day": "{day}", "seats": ["window"]}})
    reply = model.reply([user(f"for {words} on 5")], [TOOL])
    assert reply == Reply("On 5.", ToolCall("book", {"people": people, "day": "5", "seats": ["window"]}))


def test_a_call_needs_its_tool_to_be_offered() -> None:
    model = rules({"user": "table", "call": "book"}, {"user": "table", "say": "no tools here"})
    assert model.reply([user("a table")]).text == "no tools here"
    assert model.reply([user("a table")], [TOOL]).call == ToolCall("book", {})


def test_a_rule_follows_a_tools_result() -> None:
    model = rules(
        {"tool": "cancel", "say": "cancelled"},
        {"tool": "book", "result": r"full on (?P<day>\w+)", "say": "Nothing on {day}."},
        {"tool": "book", "say": "It says: {words}"},
        {"user": "table", "call": "book"},
    )
    assert model.reply([user("a table"), *called("book", "full on friday")], [TOOL]).text == "Nothing on friday."
    assert model.reply([user("a table"), *called("book", "done")], [TOOL]).text == "It says: done"


def test_given_looks_at_the_whole_conversation_and_its_last_place_counts() -> None:
    model = rules({"user": "my name", "given": r"on (?P<day>\w+)", "say": "{day}"})
    conversation = [
        user("on friday"),
        {"role": "assistant", "content": "ok"},
        user("no, on sunday"),
        user("my name is Jo"),
    ]
    assert model.reply(conversation).text == "sunday"
    assert model.reply([user("my name is Jo")]).text.startswith("No rule")


def test_instructions_distinguish_agents_and_need_no_words() -> None:
    model = rules(
        {"instructions": "greet", "say": "Hello!"}, {"instructions": "billing", "user": "hi", "say": "Billing."}
    )
    assert model.reply([system("Greet the caller.")]).text == "Hello!"
    assert model.reply([system("You do billing."), user("hi")]).text == "Billing."


def test_content_may_come_in_parts_and_instructions_may_come_last() -> None:
    model = rules({"user": "^a table$", "say": "yes"})
    parts = {"role": "user", "content": [{"type": "text", "text": "a table"}]}
    assert model.reply([parts, system("Be brief.")]).text == "yes"


def test_a_greeting_is_answered_before_the_caller_has_said_anything() -> None:
    rules = Rules.model_validate({"rules": [{"greeting": True, "say": "Hello."}], "otherwise": "What?"})
    system = {"role": "system", "content": "You are a host."}
    assistant = {"role": "assistant", "content": "One moment."}
    assert rules.reply([system]) == Reply(text="Hello.")
    assert rules.reply([system, assistant]) == Reply(text="Hello.")
    assert rules.reply([system, {"role": "user", "content": "hi"}]) == Reply(text="What?")
    assert rules.reply([system, {"role": "user", "content": "hi"}, assistant]) == Reply(text="What?")
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "weather", "arguments": "{}"}}]}
    assert rules.reply([system, call, {"role": "tool", "tool_call_id": "1", "content": "sunny"}]).text == "What?"


@pytest.mark.parametrize("other", [{"user": "hi"}, {"tool": "weather"}])
def test_a_greeting_follows_neither_words_nor_a_tool(other: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has neither `user` nor `tool`"):
        Rules.model_validate({"rules": [{"greeting": True, "say": "Hello.", **other}]})


def test_a_reply_names_its_rule() -> None:
    rules = Rules.model_validate({"rules": [{"user": "one", "say": "1"}, {"user": "two", "say": "2"}]})
    assert [rules.reply([{"role": "user", "content": words}]).rule for words in ("two", "one", "three")] == [1, 0, None]


@pytest.mark.parametrize(
    "rule",
    [
        {"user": "for (?P<people>.)", "say": "For {peple}."},
        {"user": "hi", "call": "book", "with": {"day": "{day}"}},
        {"user": "hi", "say": "{name}"},
    ],
)
def test_a_name_that_no_pattern_captures_is_an_error_not_spoken(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no pattern of the rule has a group of this name; known: .*\{words\}"):
        rules(rule)
    with pytest.raises(ValueError, match=r"\{name\}: no pattern"):
        rules(otherwise="I did not understand {name}.")


def test_an_optional_group_that_captured_nothing_is_nothing() -> None:
    assert rules({"user": "hi(?P<name> Ada)?", "say": "Hello{name}."}).reply([user("hi")]).text == "Hello."


def test_the_keys_that_errors_list_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("rules:\n- {user: hi, call: book, wit: {}}\n- {call: a, arguments: {}}\n")
    with pytest.raises(ScenarioError) as raised:
        load_rules(tmp_path / "models.yaml")
    first, second = str(raised.value).splitlines()
    assert "rules.0.wit: unknown key; did you mean with? allowed: call, delay," in first
    assert first.endswith(" with")
    assert "rules.1.arguments: unknown key" in second
