"""Verdicts to render: one as it comes, one in which every text is hostile, one with many runs."""

from __future__ import annotations

from typing import Any

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.verdict import (
    Check,
    Kind,
    Latency,
    Line,
    Metric,
    Outcome,
    PlayedCaller,
    PoolId,
    Result,
    RubricRule,
    RunVerdict,
    Shard,
    SkipReason,
    Statement,
    SuiteVerdict,
    Timeline,
    failures,
)

PASSED, FAILED, ERRORED, SKIPPED = Outcome
POOL = PoolId("", 30, Mode.TEXT)
"""The pool that `run` belongs to by default."""


def talk(begins: float, *, answer: str = "Booked for two at seven. See you then!") -> list[Line]:
    return [
        Line(role="agent", text="Welcome to Trattoria Roma. How can I help?", at=begins + 0.1),
        Line(role="evaluator", text="A table for two at seven, please.", at=begins + 1.3),
        Line(
            role="tool",
            name="book_table",
            arguments={"people": 2, "time": "19:00"},
            output="table 4 is reserved",
            at=begins + 1.6,
        ),
        Line(role="agent", text=answer, at=begins + 1.9),
        Line(role="event", name="handoff", text="from Reception to Goodbye", at=begins + 2.4),
        Line(role="evaluator", text="Thank you, goodbye.", at=begins + 2.6),
        Line(role="agent", text="Goodbye, and thank you for calling.", at=begins + 2.9),
    ]


def run(n: int = 1, outcome: Outcome = PASSED, *, scenario: int = 30, **more: Any) -> RunVerdict:
    begins = 2.0 * n
    number = (scenario - 30) * 1000 + n
    given: dict[str, Any] = {
        "case": f"{scenario}#{n}",
        "scenario": scenario,
        "scenario_name": "Books a table",
        "mode": Mode.TEXT,
        "outcome": outcome,
        "run_id": 70000 + number,
        "result_id": 9001,
        "url": f"https://dashboard.cekura.ai/runs/{70000 + number}",
        "room": f"cekura-kit-{number:016x}",
        "ended_reason": "evaluator hung up",
        "expected_outcome": "The table is booked and confirmed.",
        "score": 100.0,
        "explanation": ["Every expected reply was heard."],
        "metrics": [Metric(name="Politeness", score=4.5, explanation="Greets and thanks.")],
        "timeline": Timeline(
            room=begins - 1.4,
            agent_joined=begins - 1.0,
            agent_ready=begins - 0.9,
            started=begins - 0.7,
            evaluator_joined=begins,
            first_reply=begins + 0.1,
            ended=begins + 3.0,
            verdict=begins + 4.2,
        ),
        "latency": Latency.of([0.6, 0.3]),
        "transcript_source": "witness",
        "transcript": talk(begins),
    }
    if outcome is FAILED:
        answer = "Sorry, we are full tonight."
        given |= {
            "reason": f'Step 2: expected to hear "booked"; the agent said "{answer}"',
            "explanation": [f'Step 2: expected to hear "booked"; the agent said "{answer}"'],
            "score": 40.0,
            "transcript": talk(begins, answer=answer),
        }
    if outcome is ERRORED:
        given |= {
            "kind": Kind.EVALUATOR_MISSING,
            "reason": "Cekura's evaluator did not join within 60 s of the start",
            "hint": "check that Cekura can reach your LiveKit server from outside",
            "explanation": [],
            "score": None,
            "metrics": [],
            "latency": Latency(),
            "transcript": [],
            "transcript_source": None,
            "timeline": Timeline(
                room=begins - 1.4, agent_joined=begins - 1.0, agent_ready=begins - 0.9, started=begins
            ),
        }
    return RunVerdict(**(given | more))


def suite(*runs: RunVerdict, **more: Any) -> SuiteVerdict:
    given: dict[str, Any] = {
        "suite": "restaurant",
        "suite_id": "5f0c9a",
        "started_at": "2026-03-01T09:30:00+00:00",
        "duration_s": 12.3,
        "results": [Result(id=9001, mode=Mode.TEXT, url="https://dashboard.cekura.ai/results/9001")],
    }
    return SuiteVerdict.of(runs, **(given | more))


def mixed() -> SuiteVerdict:
    """Passed, failed and errored, in both modes; scenario 30 is flaky."""
    return suite(
        run(1),
        run(2, FAILED),
        run(3),
        run(1, ERRORED, scenario=31, scenario_name="Asks for the menu", mode=Mode.VOICE),
        run(1, scenario=32, scenario_name="Cancels a booking", mode=Mode.VOICE, notes=["re-dispatched once"]),
    )


def judged() -> SuiteVerdict:
    """Everything that Cekura measures: a run failed by its rubric, an unscored one, a reviewed one, a skipped one.

    Two entries have the same scenario: silver passed, gold failed.
    """
    rubric = [
        RubricRule(
            name="Upsell", passed=False, value=2, conditions="score gte 4", explanation="No dessert was offered."
        ),
        RubricRule(name="Politeness", passed=True, value=4.5, conditions="score gte 3"),
        RubricRule(name="Language", passed=None),
    ]
    metrics = [
        Metric(name="Expected Outcome", type="binary", passed=True, score=5.0, explanation="The table is booked."),
        Metric(name="Tone", type="enum", passed=False, value="rude", explanation="It said 'what now'."),
        Metric(name="Words a minute", type="numeric", value=140.5),
    ]
    statements = [
        Statement(text="The table is booked.", outcome="met"),
        Statement(text="A dessert is offered.", outcome="not_met", explanation="None was mentioned."),
        Statement(text="The caller is happy.", outcome="blocked"),
    ]
    reason = "; ".join(failures(rubric, metrics, statements))
    lines = [
        Line(role="tool", name="book_table", output="table 4", at=5.0, mocked=True),
        Line(
            role="tool",
            name="send_mail",
            output="An internal error occurred",
            at=5.5,
            is_error=True,
            exception="ValueError: no such address",
            place="tools/mail.py:41",
        ),
    ]
    failed: dict[str, Any] = {
        "entry": "gold",
        "reason": reason,
        "explanation": ["✅ Every expected reply was heard."],
        "measured": True,
        "signed": True,
        "rubric": rubric,
        "metrics": metrics,
        "statements": statements,
        "checks": [Check(name="one booking", ok=False, detail="there are 2")],
        "worker_log": "logs/30#2.log",
    }
    unscored: dict[str, Any] = {
        "kind": Kind.UNSCORED,
        "reason": "Cekura reported success, but nothing was measured",
        "statements": [Statement(text="The caller is happy.", outcome="blocked", explanation="The line was bad.")],
        "measured": False,
    }
    return suite(
        run(1, entry="silver", notes=["a person reviewed the run as a success"]),
        run(2, FAILED, **failed, transcript=talk(4.0) + lines),
        run(3, FAILED, entry="gold", reason="reply 2 took 4.0 s, and max_reply is 3 s", metrics=metrics),
        run(1, ERRORED, scenario=31, entry="31 text", **unscored),
        run(1, SKIPPED, scenario=32, entry="32 text", reason=SkipReason.DECIDED, transcript=[]),
        shard=Shard(index=2, of=4),
        notes=["scenario 32 has no metric: only the call's end is judged. Attach Expected Outcome, or another metric"],
    )


def many(runs: int, *, turns: int = 12) -> SuiteVerdict:
    """A suite of the size of a large team's night: every tenth failed, every twenty-fifth errored."""
    return suite(*(_one_of_many(n, turns) for n in range(1, runs + 1)), pass_rates={}, duration_s=1800.0)


def _one_of_many(n: int, turns: int) -> RunVerdict:
    outcome = ERRORED if n % 25 == 0 else FAILED if n % 10 == 0 else PASSED
    given: dict[str, Any] = {"scenario_name": f"Scenario {n}"}
    if outcome is not ERRORED:
        lines = talk(2.0 * n, answer="Sorry, we are full tonight." if outcome is FAILED else "Booked.")
        words = "And is there a vegetarian menu, and may we bring our dog, who is small and very quiet? " * 2
        for turn in range(turns):
            lines += [
                Line(role="evaluator", text=words, at=2.0 * n + 3 + turn),
                Line(role="agent", text=f"Yes, number {turn}. {words}", at=2.0 * n + 3.4 + turn),
            ]
        given |= {"transcript": lines, "latency": Latency.of([0.6, 0.3] + [0.4 + n % 7 / 10] * turns)}
    return run(n, outcome, scenario=1000 + n, **given).model_copy(update={"case": f"{1000 + n}#1"})


HOSTILE = (
    "<script>window.hacked=1</script><img src=http://evil.invalid/x onerror=window.hacked=1>"
    "</pre></details></style></textarea></svg>]]>--> {{7*7}} {% raw %} | `rm` **b** @everyone #1 "
    "[bold red]x[/] ::error::y ##[error]z \x1b[31m\x00\x07\u202e\ud800\uffff & \"q' \\ "
    "[l](javascript:alert(1))\n\n# h\n::error::w"
)


def hostile() -> SuiteVerdict:
    """Every text that others write is hostile, addresses and ids included."""
    link = "javascript://evil.invalid/%0awindow.hacked=1//<b>"
    unbroken = "W" * 400
    tool = Line(role="tool", name=HOSTILE, text=HOSTILE, arguments={HOSTILE: [HOSTILE]}, output=HOSTILE, at=2.0)
    raising = tool.model_copy(update={"is_error": True, "exception": f"{HOSTILE}5", "place": HOSTILE})
    bad: dict[str, Any] = {
        "case": f"30#{HOSTILE}",
        "scenario_name": HOSTILE,
        "reason": HOSTILE,
        "hint": HOSTILE,
        "notes": [HOSTILE],
        "url": link,
        "room": HOSTILE,
        "recording_url": "data:text/html,<script>window.hacked=1</script>",
        "played_caller": PlayedCaller(model=HOSTILE, prompts=HOSTILE),
        "ended_reason": HOSTILE,
        "expected_outcome": HOSTILE,
        "explanation": [HOSTILE, unbroken, HOSTILE + "2"],
        "entry": HOSTILE,
        "worker_log": HOSTILE,
        "rubric": [RubricRule(name=HOSTILE, passed=True, value=HOSTILE, conditions=HOSTILE, explanation=f"{HOSTILE}4")],
        "metrics": [
            Metric(name=HOSTILE, score=1.0, explanation=f"{HOSTILE}3"),
            Metric(name=HOSTILE, type=HOSTILE, value=HOSTILE, passed=False, explanation=HOSTILE),
        ],
        "statements": [Statement(text=HOSTILE, outcome="blocked", explanation=HOSTILE)],
        "checks": [Check(name=HOSTILE, ok=False, detail=HOSTILE)],
        "transcript": [
            Line(role="evaluator", text=HOSTILE, at=1.0),
            tool,
            raising,
            Line(role="agent", text=HOSTILE, at=3.0),
            Line(role="event", name=HOSTILE, text=HOSTILE, at=4.0),
            Line(role="evaluator", text=unbroken, at=5.0),
            Line(role="tool", name=unbroken, arguments={unbroken: unbroken}, output=unbroken, at=6.0),
        ],
        "latency": Latency.of([2.0]),
    }
    runs = [run(n + 1, outcome, **bad) for n, outcome in enumerate(Outcome)]
    results = [Result(id=1, mode=Mode.TEXT, url=link)]
    return suite(
        *runs, suite=HOSTILE, suite_id=HOSTILE, hint=HOSTILE, results=results, rooms_left=[HOSTILE], notes=[HOSTILE]
    )
