"""A request that was not recorded: each kind of difference from the nearest recorded one is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit import CassetteError, CassetteMiss
from cekura_agent_kit.cassettes.exchange import Asked, Item, Role
from cekura_agent_kit.cassettes.tape import Player, RecordMode, Tape
from cekura_agent_kit.cassettes.tape_file import write

from .talks import BOOKING, HOST, SECOND, THIRD

CALL = 3
RESULT = 4
USER = 6


@pytest.fixture
def player(tmp_path: Path) -> Player:
    write(tmp_path / "booking.yaml", "agent.py:entrypoint", BOOKING)
    return Player(Tape(tmp_path / "booking.yaml", RecordMode.NONE), command="pytest tests/test_agent.py::test_books")


def with_item(at: int, **changes: Any) -> Asked:
    talk = list(THIRD.talk)
    talk[at] = replace(talk[at], **changes)
    return replace(THIRD, talk=tuple(talk))


def with_tools(change: Callable[[dict[str, Any]], object]) -> Asked:
    tools = copy.deepcopy(dict(THIRD.tools))
    change(tools)
    return replace(THIRD, tools=tools)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (replace(THIRD, model="gpt-5"), "the model: 'gpt-4.1-mini' was recorded, 'gpt-5' is asked"),
        (
            replace(THIRD, choice="required"),
            "the choice of tools: when recorded, the model may choose; now it must call some",
        ),
        (with_tools(lambda tools: tools.update(cancel={})), "the tools: cancel is offered, and was not when recorded"),
        (with_tools(lambda tools: tools.pop("book")), "the tools: book was offered when recorded, and is not now"),
        (
            with_tools(lambda tools: tools["book"].update(description="Book.")),
            "the description of book: 'Book a table.' was recorded, 'Book.' is asked",
        ),
        (
            with_tools(lambda tools: tools["book"]["parameters"]["properties"].update(phone={})),
            "the parameters of book: phone is new",
        ),
        (
            with_tools(lambda tools: tools["book"]["parameters"]["properties"].pop("name")),
            "the parameters of book: name is gone",
        ),
        (
            with_tools(lambda tools: tools["check"]["parameters"]["properties"].update(people={"type": "string"})),
            "people was {'type': 'integer'}, is {'type': 'string'}",
        ),
        (
            with_tools(lambda tools: tools["check"]["parameters"].update(required=["day"])),
            "the parameters of check: other parameters are required",
        ),
        (
            with_item(0, text=HOST.replace("one sentence", "two sentences")),
            "the instructions (item 1 of the talk): line 2: 'Answer briefly, in one sentence",
        ),
        (
            with_item(USER, text="My name is Mary."),
            "the caller's words (item 7 of the talk): 'My name is Maria.' was recorded, 'My name is Mary.'",
        ),
        (
            with_item(1, text="Hello."),
            "the agent's words (item 2 of the talk): \"Welcome to Luigi's.\" was recorded, 'Hello.'",
        ),
        (
            with_item(CALL, tool="book"),
            "the tool that is called (item 4 of the talk): check was recorded, book is asked",
        ),
        (with_item(CALL, text='{"day": "Monday"}'), "the arguments of check (item 4 of the talk):"),
        (
            with_item(RESULT, text="full"),
            "the result of check (item 5 of the talk): 'free on Friday' was recorded, 'full' is asked",
        ),
        (
            with_item(RESULT, role=Role.USER, tool=""),
            "the result of check 'free on Friday' was recorded, the caller's words 'free on Friday' is asked",
        ),
        (
            replace(THIRD, talk=(*THIRD.talk, Item(Role.USER, "Hello?"))),
            "item 8 of the talk is new: the caller's words 'Hello?'",
        ),
        (
            replace(THIRD, talk=(*THIRD.talk[:1], *THIRD.talk[2:])),
            "the talk lacks the agent's words \"Welcome to Luigi's.\", after item 1",
        ),
    ],
)
def test_each_kind_is_named(player: Player, asked: Asked, says: str) -> None:
    with pytest.raises(CassetteMiss) as missed:
        player.answer(asked)
    head, *found = str(missed.value).splitlines()
    assert head.endswith(
        "request 1 of this call was not recorded. It has 3 exchanges; the nearest is 3, with 1 difference:"
    )
    (only,) = found
    assert only.startswith("  - ")
    assert says in only
    assert "pytest tests/test_agent.py::test_books --cekura-record=new" in missed.value.hint


def test_a_picture_differs_by_its_digest() -> None:
    def asked(url: str) -> Asked:
        parts = [{"type": "text", "text": "See: "}, {"type": "image_url", "image_url": {"url": url}}]
        return Asked.of("m", [{"role": "user", "content": parts}], [], None)

    assert asked("data:a").matches(asked("data:a"))
    assert not asked("data:a").matches(asked("data:b"))
    assert "data:" not in asked("data:a").talk[0].text


def test_the_nearest_is_the_one_with_most_of_the_talk(player: Player) -> None:
    longer = (*SECOND.talk, Item(Role.AGENT, "Is it for Monday?"))
    with pytest.raises(CassetteMiss, match="the nearest is 2, with 1 difference"):
        player.answer(replace(SECOND, talk=longer))


def test_many_differences_are_counted(player: Player) -> None:
    other = Asked("x", tuple(Item(Role.USER, str(number)) for number in range(12)), {})
    with pytest.raises(CassetteMiss, match=r"\n  - and 9 more\n"):
        player.answer(other)


def test_an_empty_cassette_has_nothing_near(tmp_path: Path) -> None:
    write(tmp_path / "empty.yaml", "agent.py:entrypoint", [])
    with pytest.raises(CassetteMiss, match="request 1 of this call was not recorded: the cassette has no exchange"):
        Player(Tape(tmp_path / "empty.yaml", RecordMode.NONE)).answer(THIRD)


def test_a_missing_cassette_names_the_command_that_records_it(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="there is no such cassette, and with --cekura-record=none") as missing:
        Tape(tmp_path / "booking.yaml", RecordMode.NONE, command="pytest tests/test_agent.py::test_books")
    assert "pytest tests/test_agent.py::test_books --cekura-record=once" in missing.value.hint


def test_a_miss_tells_no_key(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIARY_API_KEY", "diary-0123456789")
    with pytest.raises(CassetteMiss) as missed:
        player.answer(with_item(RESULT, text="diary-0123456789 and sk-proj-0123456789abcdef"))
    assert "0123456789" not in str(missed.value)


def test_a_request_that_comes_again_has_the_next_answer_then_the_last(tmp_path: Path) -> None:
    again = replace(BOOKING[0], answer=BOOKING[1].answer)
    write(tmp_path / "booking.yaml", "agent.py:entrypoint", [BOOKING[0], again])
    tape = Tape(tmp_path / "booking.yaml", RecordMode.NONE)
    answers = [BOOKING[0].answer, again.answer, again.answer]
    for _ in range(2):
        player = Player(tape)
        assert [player.answer(BOOKING[0].asked) for _ in answers] == answers
