"""The file of a cassette: what is written is read again, and what cannot be used is a sentence with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit import CassetteError
from cekura_agent_kit.cassettes.exchange import Answer, Asked, Called, Exchange, Fault, Item, Role, Said
from cekura_agent_kit.cassettes.tape import RecordMode, Tape
from cekura_agent_kit.cassettes.tape_file import is_cassette, read, write
from cekura_agent_kit.yaml_loader import parse
from cekura_agent_kit.yaml_writer import dump

from .talks import BOOKING, HOST

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ODD = [
    "08",
    "1e3",
    "0o17",
    "NO",
    "on",
    "19:00",
    "2026-12-24",
    "~",
    "",
    " x ",
    "a\n b\n",
    "\n",
    "\ttab\n",
    "a: b",
    "#",
    "\x85",
    "x" * 200,
    "w " * 90,
]


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: object) -> None:
    assert parse(dump({"value": value}))[1] == {"value": value}


@pytest.mark.parametrize("text", ODD)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    assert parse(dump({"value": [text]}))[1] == {"value": [text]}


EXCHANGES = [
    *BOOKING,
    Exchange(Asked("m", (), {}), Answer()),
    Exchange(Asked("long", (Item(Role.USER, "w " * 90),), {}), Answer((Said("x" * 400, (1,) * 400),))),
    Exchange(
        Asked("m", (Item(Role.CALL, "not json", "book"), Item(Role.RESULT, "", "")), {}, "required"),
        Answer((Called("book", "{"), Said("No.")), {}, Fault(429, "Slow down"), interrupted=True),
    ),
]


def test_exchanges_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "booking.yaml"
    write(file, "../agent.py:entrypoint", EXCHANGES)
    assert read(file) == ("../agent.py:entrypoint", EXCHANGES)
    assert is_cassette(file)
    assert [path.name for path in file.parent.iterdir()] == ["booking.yaml"]


def test_a_person_reads_a_talk_once(tmp_path: Path) -> None:
    file = tmp_path / "booking.yaml"
    write(file, "agent.py:entrypoint", BOOKING)
    text = file.read_text()
    assert text.count("A table for two, please.") == 1
    assert text.count(HOST[:28]) == 1
    assert "    follows: 1\n    talk:\n      - call: check\n        with: {day: Friday, people: 2}\n" in text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "booking.yaml"
    write(written, "agent.py:entrypoint", BOOKING)
    return written


def test_a_file_that_was_cut_short_is_refused_wherever_it_was_cut(file: Path) -> None:
    text = file.read_text()
    ends = [found.start() for found in re.finditer(r"\n|(?<=: )", text)][:-2]
    assert len(ends) > 60
    for end in ends:
        file.write_text(text[:end])
        with pytest.raises(CassetteError, match=re.escape(str(file))) as refused:
            read(file)
        assert refused.value.hint


Edit = Callable[[str], str]


def replaced(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (replaced("cassette: 1", "cassette: 2"), "a cassette of version 2, and this cekura-kit reads version 1"),
        (replaced("cassette: 1", "tape: 1"), "not a cassette: it does not begin with `cassette: 1`"),
        (replaced("recorded: 3", ""), "the cassette was cut short: its last line, `recorded: N`, is missing"),
        (replaced("recorded: 3", "recorded: 4"), r":\d+: recorded: 4 exchanges were recorded, and the file has 3"),
        (replaced("say: Is", "says: Is"), r":\d+: exchanges.2.answer.0.says: unknown key"),
        (
            replaced("say: Is it", "say: Is that"),
            r":\d+: exchanges.\S+: `chunks` add up to 16 characters, and `say` has 18",
        ),
        (replaced("user: My", "caller: My"), r":\d+: exchanges.3.talk.1.caller: unknown key"),
        (replaced("  - user: My", "  - agent: x\n        user: My"), "an item has one of `instructions`, `user`"),
        (replaced("of: check", "with: {}"), "`with` belongs to `call`"),
        (replaced("follows: 2", "follows: 7"), r":\d+: exchanges.3.follows: there is no 7 before it"),
        (replaced("follows: 2", "{}"), r":\d+: not YAML"),
        (replaced("    follows: 2\n", ""), r":\d+: exchanges.3: an exchange has `model` and `tools`, or `follows`"),
        (replaced("tools: 1", "tools: 5"), r":\d+: exchanges.1.tools: there is no 5 in `tools` at the top"),
        (replaced("- instructions: 1", "- instructions: 3"), "there is no 3 in `instructions` at the top"),
        (replaced("status: 500", "status: 9000"), r":\d+: exchanges.3.error.status: .*less than or equal to 599"),
        (replaced("  2:\n    follows", "  1:\n    follows"), "the key 1 occurs twice"),
        (lambda text: "", "not a cassette"),
    ],
)
def test_an_edit_that_does_not_fit_is_a_sentence(file: Path, edit: Edit, says: str) -> None:
    file.write_text(edit(file.read_text()))
    with pytest.raises(CassetteError, match=says) as refused:
        read(file)
    assert str(refused.value).startswith(str(file))
    assert refused.value.hint


def test_an_answer_may_be_edited(file: Path) -> None:
    text = file.read_text()
    edited = re.sub(r"say: Is it.*\n( +)chunks: .*\n", "say: There is none.\n", text)
    assert edited != text
    file.write_text(edited)
    assert read(file)[1][1].answer.parts == (Said("There is none."),)


def test_a_cassette_of_another_agent_is_refused(file: Path) -> None:
    tape = Tape(file, RecordMode.NONE)
    tape.check_agent("agent.py:entrypoint")
    with pytest.raises(CassetteError, match=r"recorded with agent.py:entrypoint, and this is other.py:entrypoint"):
        tape.check_agent("other.py:entrypoint")


def test_a_path_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(CassetteError, match="the cassette cannot be written"):
        write(tmp_path / "folder" / "booking.yaml", "agent.py:entrypoint", BOOKING)
