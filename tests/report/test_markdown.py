"""The Markdown report and the annotations, by GitHub's limits and rules."""

from __future__ import annotations

import re

import pytest

from cekura_agent_kit.report import github, markdown
from cekura_agent_kit.verdict import Kind

from .verdicts import ERRORED, FAILED, HOSTILE, hostile, judged, many, mixed, run, suite


def test_a_table_then_what_did_not_pass() -> None:
    text = markdown.render(mixed())
    lines = text.splitlines()
    assert lines[0].startswith("## ⚠️ restaurant: The agent failed 1 of 5 runs, and the test broke in 1: Cekura's eval")
    assert (
        "✅ 3 passed · ❌ 1 failed · ⚠️ 1 errored · 🎲 1 flaky · reply 0.45 s median, 0.60 s p95 · took 12.3 s" in lines
    )
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 1 + 5
    assert rows[1].startswith('| ❌ | <a href="https://dashboard.cekura.ai/runs/70002"><code>30\\#2</code></a> |')
    assert "2 of 3 passed, flaky" in rows[1]
    # The two that did not pass, and one that passed with a note.
    assert text.count("<details>") == 3
    assert "- **Note:** re-dispatched once" in text
    assert "- **Expected:** The table is booked and confirmed." in text
    assert " 0:01.9 agent      Sorry, we are full tonight.  [reply after 0.60 s]  &lt;-- look here" in text
    assert "- **Hint:** check that Cekura can reach your LiveKit server from outside" in text


@pytest.mark.parametrize("limit", [markdown.COMMENT_LIMIT, markdown.SUMMARY_LIMIT, 4000])
def test_500_runs_fit_and_say_what_was_left_out(limit: int) -> None:
    text = markdown.render(many(500, turns=40), limit=limit)
    assert len(text.encode()) <= limit
    assert text.count("<details>") == text.count("</details>")
    assert text.count("<pre>") == text.count("</pre>")
    if limit < markdown.SUMMARY_LIMIT:
        left_out = re.search(r"_Left out to fit: (\d+) rows of the table and (\d+) runs with details\.", text)
        assert left_out
        assert int(left_out[1]) == 500 - sum(line.startswith("| ") for line in text.splitlines()[1:]) + 1
        assert int(left_out[2]) == 60 - text.count("<details>")
    else:
        assert "Left out" not in text


def test_what_did_not_pass_comes_before_what_did() -> None:
    rows = [line for line in markdown.render(many(100)).splitlines() if line.startswith("| ")][1:]
    marks = [row.split(" ")[1] for row in rows]
    assert marks == sorted(marks, key=["❌", "⚠️", "✅"].index)


def test_hostile_text_is_text() -> None:
    text = markdown.render(hostile())
    tags = set(re.findall(r"</?([a-z]+)", text))
    assert tags <= {"details", "summary", "code", "pre"}
    outside_code = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", text, flags=re.DOTALL)
    assert "@everyone" not in outside_code
    assert not re.search(
        r"(?<!\\)[`\[\]]|(?<!\\)\*\*b|[^:]://|#1", outside_code.replace("`cekura-kit sweep --room NAME`", "")
    )
    assert 'href="javascript' not in text
    assert not re.search("[\x00-\x08\x1b\u202e\ud800]", text)
    for row in (line for line in text.splitlines() if line.startswith("| ")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 8


def test_annotations_are_one_line_each_in_github_s_own_escapes() -> None:
    text = github.error_commands(suite(run(1, FAILED, reason="100 % wrong:\nno, really", scenario_name="A, b: c")))
    first, second = text.splitlines()
    assert first == "::error title=restaurant::The agent failed 1 of 1 run."
    assert second == (
        "::error title=30#1 A%2C b%3A c%3A the agent failed::100 %25 wrong: no, really%0A"
        'Step 2: expected to hear "booked"; the agent said "Sorry, we are full tonight."%0A'
        "expected: The table is booked and confirmed."
    )


def test_annotations_are_at_most_ten_and_none_where_all_passed() -> None:
    assert len(github.error_commands(many(500)).splitlines()) == 10
    assert github.error_commands(suite(run(1))) == ""
    assert "::error title=restaurant::The test broke: the suite was stopped.%0Ahint: h" in github.error_commands(
        suite(run(1), kind=Kind.CANCELLED, hint="h")
    )


def test_no_text_of_others_becomes_a_command() -> None:
    commands = github.error_commands(hostile())
    assert all(line.startswith("::error title=") for line in commands.splitlines())
    assert HOSTILE not in commands
    assert len(github.error_commands(suite(run(1, ERRORED, reason="a\r\n::stop-commands::x"))).splitlines()) == 2


def test_what_was_measured_is_listed() -> None:
    text = markdown.render(judged())
    assert "- **Because:** rubric rule Upsell failed with 2, it requires score gte 4: No dessert was offered." in text
    assert (
        "- **Rubric:** Upsell: failed with 2, requires score gte 4; Politeness: passed with 4.5, requires score gte 3; "
        "Language: skipped\n"
    ) in text
    assert "- **Metrics:** Expected Outcome: passed; Tone: failed with rude; Words a minute: 140.5\n" in text
    assert (
        "- **Statements:** The table is booked.: met; A dessert is offered.: not met; "
        "The caller is happy.: could not be judged\n"
    ) in text
    assert "- **Checks:** one booking: failed\n" in text
    assert "- **Note:** a person reviewed the run as a success\n" in text
    assert "- **Worker log:** <code>logs/30\\#2.log</code>\n" in text
    assert "book_table() (mocked) → table 4" in text
    assert "send_mail() failed: An internal error occurred" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" ")[1] for row in rows] == ["❌", "❌", "⚠️", "✅", "⏭️"]
    assert "Books a table · gold" in rows[0]
    assert "⏭️ 1 skipped" in text
