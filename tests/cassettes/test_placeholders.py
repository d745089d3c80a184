"""Placeholders: what differs in each run matches, and nothing else does; no key is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cekura_agent_kit.cassettes.exchange import Answer, Asked, Called, Exchange, Fault, Item, Role, Said
from cekura_agent_kit.cassettes.placeholders import matches, without_keys, without_now
from cekura_agent_kit.cassettes.tape import Player, RecordMode, Tape
from cekura_agent_kit.cassettes.tape_file import read

NOW = datetime(2026, 11, 26, 19, 36, 12, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "written", "later"),
    [
        ("Today is 2026-11-26.", "Today is <date>.", "Today is 2027-01-02."),
        ("Today is Thursday, November 26, 2026.", "Today is <date>.", "Today is Friday, January 1, 2027."),
        ("Today is Thu 26 Nov.", "Today is <date>.", "Today is Fri 1 Jan."),
        ("Today is 26.11.2026.", "Today is <date>.", "Today is 01.02.2027."),
        ("It is 19:36.", "It is <time>.", "It is 08:01."),
        ("It is 7:35 PM.", "It is <time>.", "It is 8:01 AM."),
        ("It is 2026-11-26T18:36:12.5Z.", "It is <date>T<time>.", "It is 2027-01-02T00:00:00Z."),
        (f"Now: {NOW.timestamp():.0f}", "Now: <time>", "Now: 1893456000"),
        ("Id 3f2b8c1e-9d4a-4b6f-8e7d-0a1b2c3d4e5f", "Id <id>", "Id 00000000-9d4a-4b6f-8e7d-0a1b2c3d4e5f"),
        ("Booked as book_8f3e1a2b.", "Booked as <id>.", "Booked as book_00ff1a2b."),
    ],
)
def test_what_is_true_only_now_is_left_out(text: str, written: str, later: str) -> None:
    assert without_now(text, NOW) == written
    assert matches(written, text)
    assert matches(written, later)
    assert not matches(written, text + " and more")
    assert not matches(written, "Something else.")


@pytest.mark.parametrize(
    "text",
    [
        "Open from 12:00 to 22:00, closed on Thursday.",
        "Closed on 2026-12-24 and on November 27.",
        "Call check_availability with 19:00, at most 10.",
        "Order 4821, 3.5 stars, +49 30 1234567890123",
    ],
)
def test_other_dates_and_times_stay(text: str) -> None:
    assert without_now(text, NOW) == text
    assert not matches(text, text.replace("1", "2"))


def test_a_placeholder_written_by_hand_matches_anything() -> None:
    assert matches("Your number is <any>.", "Your number is 4821\nand more.")
    assert not matches("Your number is <any>.", "Your name is 4821.")


SECRETS = [
    "sk-proj-4f8a2b9c1d7e6f3a5b8c0d2e",
    "sk-ant-api03-0123456789abcdef",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "gsk_0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUEkifQ.c2lnbmF0dXJl",
    "own-secret-of-the-diary",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_key_is_in_the_file_wherever_it_was_said(
    secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIARY_SECRET", "own-secret-of-the-diary")
    texts = {Role.CALL: f'{{"key": "{secret}"}}'}
    tools = {Role.CALL: "tool", Role.RESULT: "tool"}
    talk = tuple(Item(role, texts.get(role, f"key {secret} here"), tools.get(role, "")) for role in Role)
    asked = Asked("m", talk, {"tool": {"description": f"uses {secret}"}})
    parts = (Said(f"I use {secret}", (2, len(secret) + 4)), Called("tool", {"nested": [f"key={secret}"]}))
    file = tmp_path / "booking.yaml"
    recording = Player(Tape(file, RecordMode.ONCE))
    recording.record(asked, Answer(parts, {}, Fault(400, f"Incorrect API key: {secret}")))
    recording.tape.save()
    text = file.read_text()
    assert secret not in text
    assert text.count("<secret>") >= len(Role) + 4
    (exchange,) = read(file)[1]
    assert exchange == recording.tape.exchanges[0]
    assert all(recorded.matches(item) for recorded, item in zip(exchange.asked.talk, talk, strict=True))
    assert Player(Tape(file, RecordMode.NONE)).answer(asked) == exchange.answer


def test_a_key_of_a_test_is_a_plain_word() -> None:
    assert without_keys("a placeholder", []) == "a placeholder"


def test_a_recording_keeps_words_as_they_are(tmp_path: Path) -> None:
    today = datetime.now(UTC).date().isoformat()
    asked = Asked("m", (Item(Role.INSTRUCTIONS, f"Today: {today}"), Item(Role.USER, f"For {today}")), {})
    tape = Tape(tmp_path / "booking.yaml", RecordMode.ONCE)
    Player(tape).record(asked, Answer((Said("Yes."),)))
    assert [item.text for item in tape.exchanges[0].asked.talk] == ["Today: <date>", f"For {today}"]
    assert tape.exchanges == [Exchange(tape.exchanges[0].asked, Answer((Said("Yes."),)))]
