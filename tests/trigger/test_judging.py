"""From what was seen and what Cekura says to a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekura_agent_kit.trigger.case.judging import Observed, verdict_of
from cekura_agent_kit.trigger.cekura.api_models import ApiRun
from cekura_agent_kit.trigger.errored import Errored
from cekura_agent_kit.verdict import Check, Kind, Latency, Line, Metric, Outcome, RubricRule, Statement
from tests.planned import PLANNED

METRIC = Metric(name="Polite", type="binary", passed=True)
PASSED = ApiRun(1, "completed", True, metrics=(METRIC,))


def seen(run: ApiRun | None = None, **what: object) -> Observed:
    observed = Observed(PLANNED, run=run, timeline={"evaluator_joined": 2.0})
    for name, value in what.items():
        setattr(observed, name, value)
    return observed


@pytest.mark.parametrize(
    ("observed", "outcome", "kind", "reason"),
    [
        (seen(PASSED), Outcome.PASSED, None, ""),
        (seen(ApiRun(1, "completed", True)), Outcome.ERRORED, Kind.UNSCORED, "measured nothing"),
        (
            seen(replace(PASSED, statements=(Statement(text="It is booked.", outcome="blocked"),))),
            Outcome.ERRORED,
            Kind.UNSCORED,
            "could not judge the expected outcome",
        ),
        (seen(ApiRun(1, "completed", True, reviewed=True)), Outcome.PASSED, None, ""),
        (
            seen(replace(PASSED, reviewed=False, explanation=("Booked.",))),
            Outcome.FAILED,
            None,
            "a person judged it as failed",
        ),
        (
            seen(ApiRun(1, "completed", False, explanation=("❌ no table", "✅ polite"))),
            Outcome.FAILED,
            None,
            "❌ no table",
        ),
        (seen(ApiRun(1, "completed", False, error="it broke")), Outcome.FAILED, None, "it broke"),
        (seen(ApiRun(1, "completed", None)), Outcome.ERRORED, Kind.RUN_FAILED, "gave no verdict"),
        (
            seen(ApiRun(1, "failed", error="no credit")),
            Outcome.ERRORED,
            Kind.RUN_FAILED,
            "ended the run as failed: no credit",
        ),
        (seen(ApiRun(1, "failed"), agent_left=True), Outcome.ERRORED, Kind.AGENT_LEFT, "left during the conversation"),
        (seen(ApiRun(1, "timeout"), timeline={}), Outcome.ERRORED, Kind.EVALUATOR_MISSING, "never joined"),
        (
            seen(ApiRun(1, "failed", error="Main agent-did-not-answer"), timeline={}),
            Outcome.ERRORED,
            Kind.RUN_FAILED,
            "did-not",
        ),
        (seen(ApiRun(1, "evaluating")), Outcome.ERRORED, Kind.TIMEOUT, "no verdict"),
        (seen(None), Outcome.ERRORED, Kind.TIMEOUT, "no verdict"),
        (seen(None, errored=Errored(Kind.AGENT_MISSING, "nobody")), Outcome.ERRORED, Kind.AGENT_MISSING, "nobody"),
        (
            seen(ApiRun(1, "failed"), errored=Errored(Kind.AGENT_REFUSED, "no database")),
            Outcome.ERRORED,
            Kind.AGENT_REFUSED,
            "no database",
        ),
    ],
)
def test_the_verdict(observed: Observed, outcome: Outcome, kind: Kind | None, reason: str) -> None:
    verdict = verdict_of(observed)

    assert (verdict.outcome, verdict.kind) == (outcome, kind)
    assert reason in verdict.reason
    if kind in HINTS:
        assert HINTS[kind] in verdict.hint


HINTS = {
    Kind.RUN_FAILED: "",
    Kind.AGENT_LEFT: "worker's log",
    Kind.EVALUATOR_MISSING: "LIVEKIT_URL",
    Kind.TIMEOUT: "raise `timeout`",
    Kind.UNSCORED: "attach a metric",
}


@pytest.mark.parametrize(
    ("policy", "outcome", "noted"), [("warn", Outcome.PASSED, True), ("pass", Outcome.PASSED, False)]
)
def test_a_pass_without_a_measure_may_be_accepted(policy: str, outcome: Outcome, noted: bool) -> None:
    planned = replace(PLANNED, unscored=policy)  # type: ignore[arg-type]
    verdict = verdict_of(seen(ApiRun(1, "completed", True), planned=planned))

    assert (verdict.outcome, verdict.measured) == (outcome, False)
    assert verdict.notes == (["unscored: Cekura reports success, and measured nothing"] if noted else [])


BROKEN = Errored(Kind.LIVEKIT_UNREACHABLE, "the LiveKit server refused connections during the conversation")


def test_a_fail_is_errored_if_the_ground_broke_and_both_facts_are_told() -> None:
    verdict = verdict_of(seen(replace(PASSED, success=False, error="no answer"), breakdown=BROKEN))
    assert (verdict.outcome, verdict.kind) == (Outcome.ERRORED, Kind.LIVEKIT_UNREACHABLE)
    assert "refused connections" in verdict.reason
    assert "judged the run as failed: no answer" in verdict.reason
    passed = verdict_of(seen(PASSED, breakdown=BROKEN))
    assert passed.outcome is Outcome.PASSED
    assert passed.notes == [f"livekit_unreachable: {BROKEN}"]


def test_an_agent_that_crashes_has_failed_whatever_else_broke() -> None:
    crash = "the agent's job process died (SIGKILL)"
    for run in (replace(PASSED, success=False, error="no answer"), ApiRun(1, "timeout"), None):
        verdict = verdict_of(seen(run, crash=crash, breakdown=BROKEN))
        assert (verdict.outcome, verdict.kind) == (Outcome.FAILED, None)
        assert verdict.reason.startswith(crash)


def test_mocked_calls_are_marked() -> None:
    lines = (Line(role="tool", name="book"), Line(role="tool", name="pay"), Line(role="agent", text="book"))
    verdict = verdict_of(seen(replace(PASSED, transcript=lines, mocked_tools=("book",))))
    assert [line.mocked for line in verdict.transcript] == [True, False, False]


BOOKED = Check(name="the calendar has the booking", ok=False, detail="nothing at 19:00")
NOT_BOOKED = "the agent's check failed: the calendar has the booking (nothing at 19:00)"
PAID = Check(name="paid", ok=True)


@pytest.mark.parametrize(
    ("run", "reasons"),
    [
        (PASSED, [NOT_BOOKED]),
        (replace(PASSED, metrics=()), [NOT_BOOKED]),
        (replace(PASSED, reviewed=True), [NOT_BOOKED]),
        (replace(PASSED, success=False, error="it was rude"), [NOT_BOOKED, "it was rude"]),
        (replace(PASSED, metrics=(METRIC.model_copy(update={"passed": False}),)), [NOT_BOOKED]),
    ],
)
def test_a_check_of_the_agents_own_code_that_failed_fails_what_cekura_passed(run: ApiRun, reasons: list[str]) -> None:
    verdict = verdict_of(seen(run, checks=[PAID, BOOKED]))
    assert (verdict.outcome, verdict.kind) == (Outcome.FAILED, None)
    assert verdict.reason == "; ".join(reasons)
    assert verdict.checks == [PAID, BOOKED]
    assert not any("check" in note for note in verdict.notes)


def test_a_check_that_passed_rescues_nothing() -> None:
    for run, outcome in (
        (replace(PASSED, success=False), Outcome.FAILED),
        (replace(PASSED, metrics=()), Outcome.ERRORED),
        (ApiRun(1, "timeout"), Outcome.ERRORED),
        (PASSED, Outcome.PASSED),
    ):
        verdict = verdict_of(seen(run, checks=[PAID]))
        assert verdict.outcome is outcome
        assert verdict.checks == [PAID]


def test_a_check_that_failed_is_a_note_where_the_run_could_not_be_judged() -> None:
    verdict = verdict_of(seen(ApiRun(1, "timeout"), checks=[BOOKED]))
    assert verdict.outcome is Outcome.ERRORED
    assert verdict.notes == [NOT_BOOKED]


def test_a_check_that_failed_while_something_broke_is_errored_with_both() -> None:
    verdict = verdict_of(seen(PASSED, checks=[BOOKED], breakdown=BROKEN))
    assert (verdict.outcome, verdict.kind) == (Outcome.ERRORED, BROKEN.kind)
    assert verdict.reason == f"{BROKEN}; {NOT_BOOKED}"


def test_the_attribute_reports_the_first_check_that_failed_where_no_event_does() -> None:
    told = "the calendar has the booking (nothing at 19:00)"
    verdict = verdict_of(seen(PASSED, checks=[PAID], failed_check=told))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, NOT_BOOKED)
    assert verdict.checks == [PAID, Check(name=told, ok=False)]
    assert verdict_of(seen(PASSED, checks=[BOOKED], failed_check=told)).checks == [BOOKED]


def test_a_check_that_failed_comes_before_a_slow_reply() -> None:
    slow = seen(PASSED, checks=[BOOKED], latency=Latency.of([3.21]), planned=replace(PLANNED, max_reply=3.0))
    assert verdict_of(slow).reason == f"{NOT_BOOKED}; reply 1 took 3.2 s, and max_reply is 3 s"


@pytest.mark.parametrize("success", [True, False])
def test_cekuras_completed_verdict_wins_and_what_was_seen_becomes_a_note(success: bool) -> None:
    verdict = verdict_of(
        seen(replace(PASSED, success=success), errored=Errored(Kind.AGENT_LEFT, "it left"), agent_left=True)
    )

    assert verdict.outcome is (Outcome.PASSED if success else Outcome.FAILED)
    assert verdict.notes == ["agent_left: it left"]


def test_a_slow_reply_fails_only_a_run_that_passed() -> None:
    slow = seen(PASSED, latency=Latency.of([0.5, 3.21]), planned=replace(PLANNED, max_reply=3.0))

    assert verdict_of(slow).reason == "reply 2 took 3.2 s, and max_reply is 3 s"
    slow.run = ApiRun(1, "completed", False, error="other")
    assert verdict_of(slow).reason == "other"
    slow.run, slow.latency = PASSED, Latency.of([0.5, 3.0])
    assert verdict_of(slow).outcome is Outcome.PASSED


def test_cekuras_transcript_counts_from_the_talks_beginning() -> None:
    run = ApiRun(
        1, "completed", True, transcript=(Line(role="agent", text="hi", at=1.5), Line(role="agent", text="there"))
    )

    lines = verdict_of(seen(run)).transcript
    assert [line.at for line in lines] == [3.5, None]
    assert verdict_of(seen(run)).transcript_source == "cekura"


def test_a_witness_that_heard_wins_over_cekuras_transcript() -> None:
    run = ApiRun(1, "completed", True, transcript=(Line(role="agent", text="hi"),))

    heard = verdict_of(seen(run, watched=True, lines=[Line(role="agent", text="heard")]))
    assert (heard.transcript_source, heard.transcript[0].text) == ("witness", "heard")
    assert verdict_of(seen(run, watched=True, lines=[])).transcript_source == "cekura"


def test_what_failed_is_the_reason_and_never_an_approving_sentence() -> None:
    run = ApiRun(
        1,
        "completed",
        False,
        explanation=("✅ done",),
        rubric=(RubricRule(name="Upsell", passed=False, value=2, conditions="score gte 4", explanation="No dessert."),),
        metrics=(
            Metric(name="Upsell", type="numeric", value=2),
            Metric(name="Tone", type="enum", value="rude", passed=False),
        ),
        statements=(Statement(text="A table is booked.", outcome="not_met"), Statement(text="x", outcome="met")),
    )
    assert verdict_of(seen(run)).reason == (
        "rubric rule Upsell failed with 2, it requires score gte 4: No dessert.; metric Tone failed with rude; "
        "not met: A table is booked."
    )
    assert verdict_of(seen(replace(run, rubric=(), metrics=(), statements=()))).reason == "Cekura judged it as failed"


@pytest.mark.parametrize(
    ("errored", "kind"),
    [
        (Errored(Kind.TIMEOUT, "no verdict within 60 s"), Kind.LIVEKIT_UNREACHABLE),
        (Errored(Kind.AGENT_LEFT, "the agent left"), Kind.LIVEKIT_UNREACHABLE),
        (Errored(Kind.START_REFUSED, "no credit"), Kind.START_REFUSED),
        (Errored(Kind.CANCELLED, "stopped"), Kind.CANCELLED),
    ],
)
def test_a_breakdown_is_named_before_its_symptom_and_noted_beside_anything_else(errored: Errored, kind: Kind) -> None:
    verdict = verdict_of(seen(None, errored=errored, breakdown=BROKEN))
    assert verdict.kind is kind
    assert str(errored) in verdict.reason
    assert "refused connections" in verdict.reason + "".join(verdict.notes)
