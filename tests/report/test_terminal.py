"""The verdict on a terminal and in a log, and progress as it happens."""

from __future__ import annotations

import io
import os
import pty
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from cekura_agent_kit.cli.live import Live
from cekura_agent_kit.contract import Mode
from cekura_agent_kit.report import terminal
from cekura_agent_kit.trigger.progress import Ended, Finished, Noted, Planned, PlannedCase, Preparing, Said, Stage
from cekura_agent_kit.verdict import Kind, Line, SkipReason, SuiteVerdict

from .verdicts import ERRORED, FAILED, HOSTILE, POOL, SKIPPED, hostile, judged, many, mixed, run, suite

STAGES = ("room", "agent_joined", "agent_ready", "started", "evaluator_joined", "first_reply", "ended", "verdict")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def printed(verdict: SuiteVerdict, *, width: int = 80, colours: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=colours)
    terminal.render(verdict, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_red_build_says_who_broke_where_and_what_was_expected() -> None:
    text = printed(mixed())
    assert "✗ FAILED 30#2 Books a table · text · the agent failed\n" in text
    assert "  expected   The table is booked and confirmed.\n" in text
    assert '  because    Step 2: expected to hear "booked"; the agent said "Sorry, we are full tonight."\n' in text
    assert "0:01.9 agent      Sorry, we are full tonight.  ← look here\n" in text
    assert (
        "! ERRORED 31#1 Asks for the menu · voice · the test broke: Cekura's evaluator never joined the room\n" in text
    )
    assert "  hint       check that Cekura can reach your LiveKit server from outside\n" in text
    assert "✗ 30 Books a table  text  2 of 3 passed, flaky\n" in text
    # The verdict is last, where the eye is.
    assert text.splitlines()[-2:] == [
        "The agent failed 1 of 5 runs, and the test broke in 1: Cekura's evaluator never joined the room.",
        "restaurant: 3 passed · 1 failed · 1 errored · 1 flaky · reply 0.45 s median, 0.60 s p95 · took 12.3 s",
    ]


def test_a_green_build_is_short() -> None:
    assert printed(suite(run(1))).splitlines()[1:] == [
        "  cost       about 1 credit (estimated: 2 messages of the evaluator in 1 run)",
        "The agent passed the one run.",
        "restaurant: 1 passed · 0 failed · 0 errored · reply 0.45 s median, 0.60 s p95 · took 12.3 s",
    ]


def test_a_rate_is_shown_with_its_count() -> None:
    text = printed(suite(run(1), run(2, FAILED), run(3), pass_rates={POOL: 0.6}))
    assert "✓ 30 Books a table  text  2 of 3 passed, 60 % required, flaky\n" in text
    assert "The agent passed 2 of 3 runs; the other is within the pass rate.\n" in text


@pytest.mark.parametrize("colours", [False, True])
def test_a_log_is_not_wrapped(colours: bool) -> None:
    text = printed(suite(run(1, FAILED, reason="word " * 60)), width=60, colours=colours)
    assert max(map(len, text.splitlines())) > 250


def test_a_terminal_is_wrapped_under_its_labels() -> None:
    with a_terminal(columns=60) as (console, sent):
        terminal.render(suite(run(1, FAILED, reason="word " * 60)), console)
    lines = ESCAPES.sub("", b"".join(sent).decode()).splitlines()
    reason = [line for line in lines if "word" in line]
    assert len(reason) > 4
    assert all(len(line) <= 60 for line in reason)
    assert all(line.startswith(" " * 13) for line in reason[1:])


def test_a_large_suite_is_told_in_full_up_to_a_point() -> None:
    text = printed(many(500))
    assert text.count("  transcript ") == 20
    assert sum(line.startswith(("✗ FAILED", "! ERRORED")) for line in text.splitlines()) == 60


@pytest.mark.parametrize("colours", [False, True])
def test_hostile_text_is_text(colours: bool) -> None:
    text = ESCAPES.sub("", printed(hostile(), width=100, colours=colours))
    assert "[bold red]x[/]" in text.replace("\n", " ")
    assert not re.search("[\x00-\x08\x1b\x7f\u202e\ud800]", text)
    # What a CI service would obey: its commands at a line's beginning, or anywhere.
    assert not re.search(r"^\s*::", text, re.MULTILINE)
    assert "##[" not in text


def play(live: Live, verdict: SuiteVerdict) -> None:
    live.on_event(Planned(tuple(PlannedCase(each.case, each.scenario, each.mode) for each in verdict.runs)))
    for each in verdict.runs:
        for at, stage in enumerate(STAGES):
            live.on_event(Stage(each.case, stage, float(at)))  # type: ignore[arg-type]
            if stage == "first_reply":
                for line in each.transcript:
                    live.on_event(Said(each.case, line))
        live.on_event(Finished(each.case, each))
    live.on_event(Ended(verdict))


def logged(verdict: SuiteVerdict, *, follow: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    with Live(console, follow=follow) as live:
        play(live, verdict)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(re.match(r" *\d+:\d\d\.\d  ", line) for line in lines), lines
    return [line[9:] for line in lines]


def test_a_log_has_a_line_for_each_change_that_matters() -> None:
    lines = logged(suite(run(1), run(2, FAILED)))
    assert lines[:7] == [
        "2 runs planned",
        "30#1  agent ready",
        "30#1  waiting for the evaluator",
        "30#1  talking",
        "30#1  waiting for the verdict",
        "[1/2] ✓ passed   30#1 Books a table  text  5.60 s",
        "30#2  agent ready",
    ]
    assert lines[-1].startswith("[2/2] ✗ failed   30#2 Books a table  text  5.60 s  Step 2: expected to hear")


def test_a_log_of_many_runs_has_one_line_each() -> None:
    assert len(logged(many(60))) == 1 + 60


def test_following_a_talk() -> None:
    lines = logged(suite(run(1)), follow=True)
    assert any(
        re.fullmatch(r"30#1   *\d:\d\d\.\d evaluator  A table for two at seven, please\.", line) for line in lines
    )
    assert any('tool       book_table(people=2, time="19:00") → table 4 is reserved' in line for line in lines)


def test_notes_and_hostile_words_are_text() -> None:
    console = Console(file=io.StringIO(), width=80)
    with Live(console, follow=True) as live:
        live.on_event(Planned((PlannedCase("30#1", 30, Mode.TEXT),)))
        live.on_event(Noted("30#1", HOSTILE))
        live.on_event(Noted("", "of the suite"))
        live.on_event(Said("30#1", Line(role="agent", text=HOSTILE)))
        live.on_event(Said("unplanned", Line(role="event", name=HOSTILE, text=HOSTILE, at=-1.0)))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 5
    assert "note  of the suite" in lines[2]
    text = "\n".join(lines)
    assert "[bold red]x[/]" in text
    assert "##[" not in text
    assert not re.search("[\x00-\x08\x1b\u202e\ud800]", text)


def test_a_silent_log_says_what_is_waited_for() -> None:
    console = Console(file=io.StringIO(), width=80)
    with Live(console, silence=0.05) as live:
        live.on_event(Planned((PlannedCase("30#1", 30, Mode.TEXT), PlannedCase("31#1", 31, Mode.TEXT))))
        live.on_event(Stage("30#1", "evaluator_joined", 1.0))
        deadline = time.monotonic() + 20
        while "still running" not in console.file.getvalue() and time.monotonic() < deadline:  # type: ignore[attr-defined]
            threading.Event().wait(0.02)
    assert "still running: 1 talking, 1 waiting to start" in console.file.getvalue()  # type: ignore[attr-defined]


@contextmanager
def a_terminal(*, columns: int = 100) -> Iterator[tuple[Console, list[bytes]]]:
    """A real pseudo-terminal, and what it was sent."""
    ours, theirs = pty.openpty()
    sent: list[bytes] = []

    def read() -> None:
        # On Linux the last reader gets an error, not an end, when the other side is closed.
        try:
            while chunk := os.read(ours, 65536):
                sent.append(chunk)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        yield Console(file=file, width=columns, height=30, force_terminal=True, force_interactive=True), sent
    reader.join(20)
    os.close(ours)


@pytest.mark.parametrize("words_first", [False, True])
def test_followed_lines_have_their_time_in_the_conversation(words_first: bool) -> None:
    """Minutes into a suite, also if the evaluator's first words are received before its join is listed."""
    console = Console(file=io.StringIO(), width=100)
    with Live(console, follow=True) as live:
        live.on_event(Planned((PlannedCase("30#1", 30, Mode.TEXT),)))
        joined = Stage("30#1", "evaluator_joined", 300.0)
        if not words_first:
            live.on_event(joined)
        live.on_event(Said("30#1", Line(role="evaluator", text="hello", at=300.2)))
        if words_first:
            live.on_event(joined)
        live.on_event(Said("30#1", Line(role="agent", text="welcome", at=302.5)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]

    assert re.findall(r"30#1 +(\S+) (?:evaluator|agent) +(\w+)", shown) == [
        ("0:00.0" if words_first else "0:00.2", "hello"),
        ("0:02.5", "welcome"),
    ]


def test_rows_move_on_a_terminal_and_leave_it_clean() -> None:
    with a_terminal() as (console, sent), Live(console) as live:
        live.on_event(Planned((PlannedCase("30#1", 30, Mode.TEXT), PlannedCase("31#1", 31, Mode.VOICE))))
        live.on_event(Stage("30#1", "evaluator_joined", 1.0))
        live.on_event(Said("30#1", Line(role="agent", text="Welcome [bold]to[/] \x1b[31mLuigi's.")))
        live._live.refresh()  # type: ignore[union-attr]
        live.on_event(Finished("30#1", run(1)))
        live.on_event(Finished("31#1", run(1, ERRORED, scenario=31)))
    text = b"".join(sent).decode()
    plain = ESCAPES.sub("", text)
    assert re.search(r"30#1 +text +talking +0:0\d\.\d +agent: Welcome \[bold\]to\[/\] \\x1b\[31mLuigi's\.", plain)
    assert "1 running · 1 waiting" in plain
    assert "✓ passed   30#1 Books a table  text  5.60 s" in plain
    assert "! errored  31#1 Books a table" in plain
    # The cursor is shown again, whatever was hidden before.
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


def test_what_all_runs_wait_for_is_shown_until_one_begins() -> None:
    planned = Planned((PlannedCase("30#1", 30, Mode.TEXT),))
    preparing = Preparing("starting the worker: agent.py\x1b[2J")
    console = Console(file=io.StringIO(), width=80)
    with Live(console) as live:
        live.on_event(planned)
        live.on_event(preparing)
    assert "starting the worker: agent.py\\x1b[2J\n" in console.file.getvalue()  # type: ignore[attr-defined]
    with a_terminal() as (terminal, sent), Live(terminal) as live:
        live.on_event(planned)
        live.on_event(preparing)
        live._live.refresh()  # type: ignore[union-attr]
        live.on_event(Stage("30#1", "room", 1.0))
        live._live.refresh()  # type: ignore[union-attr]
    before, after = ESCAPES.sub("", b"".join(sent).decode()).split("1 running · 0 waiting")[:2]
    assert "starting the worker: agent.py\\x1b[2J · 0 running · 1 waiting" in before
    assert "starting the worker" not in after


def test_a_coloured_log_is_still_a_log() -> None:
    """FORCE_COLOR, set by many CI services, makes no terminal of a file."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with Live(console) as live:
        play(live, suite(run(1)))
    assert "\x1b[1A" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert "30#1  talking" in ESCAPES.sub("", console.file.getvalue())  # type: ignore[attr-defined]


def test_a_suite_that_could_not_run_says_why_and_what_to_do() -> None:
    text = printed(suite(kind=Kind.WORKER_FAILED, hint="run the worker by hand"))
    assert "The test broke: the worker failed.\n  hint       run the worker by hand\n" in text


def test_of_an_explanation_that_goes_through_the_talk_the_last_sentence_is_the_gist() -> None:
    told = ["Heard 'welcome'.", "Waited 30 s to hear 'free on friday'. The agent said nothing."]
    verdict = suite(run(1, FAILED, reason="; ".join(told), explanation=told))
    text = printed(verdict)
    assert [line for line in text.splitlines() if "because" in line] == [f"  because    {each}" for each in told]
    assert terminal.finished(verdict.runs[0], None).plain.endswith(told[1])


def test_why_a_run_failed_comes_first_rule_by_rule() -> None:
    lines = printed(judged()).splitlines()
    first = lines.index("✗ FAILED 30#2 Books a table · text · gold · the agent failed")
    assert lines[first + 1 : first + 6] == [
        "  because    the agent's check failed: one booking (there are 2)",
        "  because    rubric rule Upsell failed with 2, it requires score gte 4: No dessert was offered.",
        "  because    metric Tone failed with rude: It said 'what now'.",
        "  because    not met: A dessert is offered: None was mentioned.",
        "  expected   The table is booked; A dessert is offered; The caller is happy",
    ]
    assert not any("✅" in line for line in lines)
    assert "  metrics    Expected Outcome: passed · Tone: failed with rude · Words a minute: 140.5" in lines
    assert "  checks     one booking: failed" in lines
    assert "  worker log logs/30#2.log" in lines


def test_a_failure_that_cekura_did_not_measure_is_the_first_reason() -> None:
    """A metric that failed and did not count is shown, but is not the reason."""
    text = printed(judged())
    after = text.split("✗ FAILED 30#3 Books a table")[1].splitlines()
    assert after[1] == "  because    reply 2 took 4.0 s, and max_reply is 3 s"


def test_an_unscored_run_names_what_was_blocked() -> None:
    text = printed(judged())
    assert "! ERRORED 31#1 Books a table · text · the test broke: nothing was measured\n" in text
    assert "  because    could not be judged: The caller is happy: The line was bad.\n" in text


def test_a_note_on_a_run_that_passed_is_shown() -> None:
    assert "note  30#1: a person reviewed the run as a success\n" in printed(judged())
    shared = printed(suite(*(run(n, notes=["slow"]) for n in range(1, 9))))
    assert "note  30#1, 30#2, 30#3, 30#4, 30#5 and 3 more: slow\n" in shared


def test_pools_are_shown_apart_and_skipped_runs_are_counted() -> None:
    text = printed(suite(*judged().runs, run(2, SKIPPED, entry="silver", reason=SkipReason.DECIDED)))
    assert "✓ 30 Books a table · silver  text  1 of 1 passed, 1 skipped\n" in text
    assert "✗ 30 Books a table · gold  text  0 of 2 passed\n" in text
    assert "The agent failed 2 of 4 runs, and the test broke in 1: nothing was measured; 2 runs skipped.\n" in text
    assert "1 passed · 2 failed · 1 errored · 2 skipped" in text
    assert " · shard 2 of 4 · " in printed(judged())
    skipped = run(2, SKIPPED, reason=SkipReason.FAIL_FAST)
    assert terminal.finished(skipped, None).plain.endswith("text  not run, because an earlier run failed")
