"""The table of faults: what is injected, and what it must come to. Tests hold each row; docs/faults.md shows them.

``python -m tests.faults`` writes the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.verdict import Kind
from tests.faults import injections
from tests.faults.injections import Injection

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"

QUICK_LOST_START: Final = {"lost_start": 1.5}
"""A start whose answer was lost is settled soon: against the stand-in evaluators come within half a second."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row.

    Attributes:
        part: whose fault it is; a heading of the document.
        what: what is injected, in words.
        comes_to: passed, failed, or the kind of errored; one for all runs, or one for each run of the plan.
        reason: stands in the reason of each run that did not pass, or where all passed in a note.
        hint: stands in the hint of each run that errored.
        headline: the report's first sentence; empty where any will do.
        posts: how many start requests reach Cekura.
        started: how many runs they start.
        faults: switches of the stand-in.
        inject: what else is done, around the suite.
        runs: of the suite; one run of scenario 30 where it is empty.
        suite: further keys of the suite.
        timing: changes to the trigger's timing.
        fail_fast: with ``--fail-fast``.
    """

    part: str
    what: str
    comes_to: str | tuple[str, ...]
    reason: str = ""
    hint: str = ""
    headline: str = ""
    posts: int = 1
    started: int = 1
    faults: Mapping[str, Any] = field(default_factory=dict)
    inject: Injection | None = None
    runs: Sequence[Mapping[str, Any]] = ()
    suite: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    fail_fast: bool = False

    def __post_init__(self) -> None:
        errored = set(self.outcomes) - {PASSED, FAILED, SKIPPED}
        assert self.reason or not errored | (set(self.outcomes) & {FAILED}), f"{self.what}: no reason to look for"
        assert self.hint or not errored, f"{self.what}: no hint to look for"

    @property
    def name(self) -> str:
        """For pytest's command line."""
        return re.sub(r"\W+", "-", f"{self.part} {self.what}".lower()).strip("-")

    @property
    def switches(self) -> Faults:
        return Faults.model_validate(dict(self.faults))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcome of each run."""
        planned = sum(int(run.get("repeat", 1)) for run in self.runs) or 1
        return self.comes_to if isinstance(self.comes_to, tuple) else (self.comes_to,) * planned

    @property
    def exit_code(self) -> int:
        """By law: 2 where a run errored, else 1 where one failed, else 0."""
        kinds = set(self.outcomes) - {PASSED, FAILED, SKIPPED}
        return 2 if kinds else 1 if FAILED in self.outcomes else 0


def _start(what: str, comes_to: str | tuple[str, ...], answer: Mapping[str, Any], **rest: Any) -> Fault:
    return Fault(part="The start", what=what, comes_to=comes_to, faults={"starts": {"1": answer}}, **rest)


def _refused(what: str, status: int, body: str, *, hint: str, reason: str = "") -> Fault:
    refusal = {"status": status, "body": body}
    return _start(what, Kind.START_REFUSED, refusal, hint=hint, reason=reason or body[:40], started=0)


def _read(what: str, answer: Mapping[str, Any], *, span: str = "3-6", comes_to: str = PASSED, **rest: Any) -> Fault:
    # The first read checks the key, the second lists the runs before the start; from the third on runs are read.
    return Fault(part="Reads", what=what, comes_to=comes_to, faults={"reads": {span: answer}}, **rest)


def _evaluator(what: str, comes_to: str, fault: Mapping[str, Any], **rest: Any) -> Fault:
    return Fault(part="The evaluator", what=what, comes_to=comes_to, faults={"runs": {"all": fault}}, **rest)


def _scored(what: str, comes_to: str, verdict: Mapping[str, Any], **rest: Any) -> Fault:
    return Fault(
        part="The verdict", what=what, comes_to=comes_to, faults={"runs": {"all": {"verdict": verdict}}}, **rest
    )


def _agent(what: str, comes_to: str, behave: str, *, started: int = 0, **rest: Any) -> Fault:
    suite = {"metadata": {"behave": behave}} | rest.pop("suite", {})
    return Fault(
        part="The agent", what=what, comes_to=comes_to, suite=suite, posts=int(started > 0), started=started, **rest
    )


_FOUND: Final = "found by its evaluator"
_THREE: Final = ({"scenario": 30}, {"scenario": 31}, {"scenario": 32})
_LOST: Final = "open these runs on Cekura"
_NOTHING: Final = "most likely nothing was started"
_PAGE: Final = "read the run's page on Cekura"
_AGENT_LOG: Final = "read the agent's log"

FAULTS: Final[tuple[Fault, ...]] = (
    # The start: sent once, whatever becomes of it.
    Fault(
        part="The start",
        what="no connection, three times: the request never left",
        comes_to=Kind.CEKURA_UNREACHABLE,
        reason="nothing was started",
        hint="check CEKURA_API_URL",
        posts=0,
        started=0,
        inject=injections.start_refused_by_the_network,
    ),
    Fault(
        part="The start",
        what="no connection once, then one",
        comes_to=PASSED,
        inject=injections.start_refused_once,
    ),
    _start("runs started, then the connection is closed without an answer", PASSED, {"lost": True}, reason=_FOUND),
    _start(
        "runs started, and no answer in time",
        PASSED,
        {"delay": "30s"},
        reason=_FOUND,
        inject=injections.impatient,
    ),
    _start("runs started, then 500", PASSED, {"done": True, "status": 500, "body": "{}"}, reason=_FOUND),
    _start("runs started, then an answer that is no JSON", PASSED, {"malformed": True}, reason=_FOUND),
    _start("runs started, then half an answer", PASSED, {"truncated": True}, reason=_FOUND),
    _start(
        "three runs started, then the connection is closed: each is tied to its room",
        PASSED,
        {"lost": True},
        reason=_FOUND,
        runs=_THREE,
        started=3,
    ),
    _start(
        "the connection is closed, and nothing was started",
        Kind.START_UNKNOWN,
        {"lost": True, "done": False},
        reason="the start's answer was lost",
        hint=_NOTHING,
        started=0,
        timing=QUICK_LOST_START,
    ),
    _start(
        "502 with an HTML page, and nothing was started",
        Kind.START_UNKNOWN,
        {"status": 502, "body": "<html><body>Bad gateway</body></html>"},
        reason="502: an HTML page",
        hint=_NOTHING,
        started=0,
        timing=QUICK_LOST_START,
    ),
    Fault(
        part="The start",
        what="an answer that names no run",
        comes_to=Kind.START_UNKNOWN,
        reason="names no run",
        hint=_NOTHING,
        started=0,
        faults={"start_runs": "none"},
        timing=QUICK_LOST_START,
    ),
    _start(
        "the answer is lost while another job starts the same scenario: neither is ended",
        Kind.START_UNKNOWN,
        {"lost": True},
        reason="(scenario 30, ",
        hint=_LOST,
        inject=injections.another_job_starts_the_same,
        timing=QUICK_LOST_START,
    ),
    _start(
        "two runs of one scenario, in two POSTs: the first answer is lost, the second comes",
        PASSED,
        {"lost": True},
        runs=({"scenario": 30, "repeat": 2},),
        posts=2,
        started=2,
    ),
    Fault(
        part="The start",
        what="an answer with `runs` as an object",
        comes_to=PASSED,
        faults={"start_runs": "object"},
        runs=_THREE,
        started=3,
    ),
    _refused(
        "400 with fields and their faults",
        400,
        '{"scenarios": ["Scenario 30 not found."]}',
        hint="check the scenario ids",
    ),
    _refused("400 with a list", 400, '["Scenarios not found: 30"]', hint="check the scenario ids"),
    _refused(
        "400 with `errors`",
        400,
        '{"errors": {"livekit_room_url": ["Cannot connect."]}}',
        hint="check LIVEKIT_URL",
    ),
    _refused("404 with `detail`", 404, '{"detail": "Not found."}', hint="check CEKURA_API_URL and the ids"),
    _refused("401", 401, '{"detail": "Invalid token."}', hint="check CEKURA_API_KEY"),
    _refused("403", 403, "Forbidden", hint="check CEKURA_API_KEY"),
    _refused("402 for lack of credit", 402, '{"detail": "Payment required"}', hint="check the credits"),
    _start(
        "402 for lack of credit: no further start",
        (Kind.START_REFUSED, Kind.NOT_RUN, Kind.NOT_RUN),
        {"status": 402, "body": '{"detail": "Payment required"}'},
        reason="Payment required",
        hint="check the credits",
        runs=_THREE,
        started=0,
        suite={"concurrency": 1},
    ),
    _refused(
        "400 with words of a lack of credit",
        400,
        '["Insufficient balance to run 1 scenario"]',
        hint="check the credits",
    ),
    _refused("429", 429, '{"detail": "Request was throttled."}', hint="start fewer at once"),
    _refused(
        "a redirect to a login page",
        302,
        "<html>Log in</html>",
        hint="check CEKURA_API_URL",
        reason="302: an HTML page",
    ),
    _start(
        "400 for one POST of two: the other runs",
        (Kind.START_REFUSED, PASSED),
        {"status": 400, "body": '["No."]'},
        reason='400: ["No."]',
        hint="check the scenario ids",
        runs=({"scenario": 30, "repeat": 2},),
        posts=2,
        suite={"concurrency": 1},
    ),
    # Reads: sent again, for as long as the run's timeout.
    _read("429 with Retry-After", {"status": 429, "headers": {"Retry-After": "1"}, "body": "{}"}, span="3"),
    _read("429 without Retry-After", {"status": 429, "body": '{"detail": "throttled"}'}),
    _read("500", {"status": 500, "body": '{"detail": "oops"}'}),
    _read("502 with an HTML page", {"status": 502, "body": "<html>Bad gateway</html>"}),
    _read("200 with an HTML page", {"body": "<html>Maintenance</html>"}),
    _read("half an answer", {"truncated": True}),
    _read("an answer that is no JSON", {"malformed": True}),
    _read("an answer of another shape", {"body": '{"detail": []}'}),
    _read("no answer: the connection is closed", {"lost": True}),
    _read("no answer in time", {"delay": "30s"}, span="3", inject=injections.impatient),
    _read(
        "500 and no end of it",
        {"status": 500, "body": "{}"},
        span="3-",
        comes_to=Kind.CEKURA_UNREACHABLE,
        reason="the verdict could not be read",
        hint="Cekura may be down",
        suite={"timeout": "5s"},
        timing={"after_end": 0.5},
    ),
    _read(
        "403 in mid-run: the key was revoked",
        {"status": 403, "body": "{}"},
        span="3-",
        comes_to=Kind.CEKURA_UNREACHABLE,
        reason="refuses the key",
        hint="check CEKURA_API_KEY",
        suite={"timeout": "5s"},
        timing={"after_end": 0.5},
    ),
    Fault(
        part="Reads",
        what="a status never seen before, while the run goes on",
        comes_to=PASSED,
        faults={"runs": {"all": {"status": "negotiating", "scoring": "1s"}}},
    ),
    Fault(
        part="Reads",
        what="fields that are missing",
        comes_to=PASSED,
        faults={"without": ["scenario", "scenario_name", "result_id", "expected_outcome", "metadata"]},
    ),
    Fault(
        part="Reads",
        what="success, and no field that measures anything",
        comes_to=Kind.UNSCORED,
        reason="Cekura reports success, and measured nothing",
        hint="attach a metric, a rubric rule or an expected outcome",
        faults={"without": ["expected_outcome", "evaluation"]},
    ),
    Fault(
        part="Reads",
        what="fields of other types, and unknown ones",
        comes_to=Kind.UNSCORED,
        reason="measured nothing",
        hint="attach a metric",
        faults={
            "extra": {
                "evaluation": "none",
                "metadata": [1],
                "expected_outcome": "as a string",
                "transcript_object": {"0": None},
                "voice_recording_url": 7,
                "new": {"deep": [None]},
            }
        },
    ),
    Fault(
        part="Reads",
        what="runs in the opposite order",
        comes_to=PASSED,
        faults={"reversed": True},
        runs=_THREE,
        started=3,
    ),
    Fault(
        part="Reads",
        what="a run that bulk replies leave out",
        comes_to=PASSED,
        faults={"runs": {"31": {"missing_from_bulk": True}}},
        runs=_THREE,
        started=3,
    ),
    Fault(
        part="Reads",
        what="completed, and `success` stays null",
        comes_to=Kind.RUN_FAILED,
        reason="Cekura completed the run, and gave no verdict",
        hint="read the run's page on Cekura",
        faults={"runs": {"all": {"unjudged": True}}, "without": ["expected_outcome"]},
        timing={"no_verdict": 1.0},
    ),
    Fault(
        part="Reads",
        what="completed, and `success` stays null until the run's timeout",
        comes_to=Kind.RUN_FAILED,
        reason="Cekura completed the run, and gave no verdict within 3 s",
        hint="read the run's page on Cekura",
        faults={"runs": {"all": {"unjudged": True}}, "without": ["expected_outcome"]},
        suite={"timeout": "3s"},
        timing={"after_end": 0.5},
    ),
    # What Cekura scored.
    _scored(
        "a rubric rule is broken",
        FAILED,
        {"rubric": [{"name": "Upsell", "passed": False, "value": 2, "conditions": "score gte 4"}]},
        reason="rubric rule Upsell failed with 2, it requires score gte 4",
    ),
    _scored(
        "each rubric rule is skipped, and no metric is attached",
        Kind.UNSCORED,
        {"rubric": [{"name": "Upsell", "passed": None}], "metrics": []},
        reason="Cekura reports success, and measured nothing",
        hint="attach a metric, a rubric rule or an expected outcome",
    ),
    _scored(
        "an older binary metric has the score 0",
        FAILED,
        {"metrics": [{"name": "Tone", "kind": "score", "passed": False}]},
        reason="metric Tone failed",
    ),
    _scored(
        "only plain numbers",
        Kind.UNSCORED,
        {"metrics": [{"name": "Words", "kind": "numeric", "value": 12}]},
        reason="Cekura reports success, and measured nothing",
        hint="attach a metric, a rubric rule or an expected outcome",
    ),
    _scored(
        "a statement is blocked",
        Kind.UNSCORED,
        {"statements": [{"outcome": "A table is booked.", "aligned": "blocked"}], "success": True},
        reason="could not judge the expected outcome",
        hint="attach a metric, a rubric rule or an expected outcome",
    ),
    _scored("`success` is null for a second", PASSED, {"success_after": "1s"}),
    _scored(
        "a person reviewed a pass as failed",
        FAILED,
        {"review": "failure"},
        reason="a person judged it as failed",
    ),
    _scored(
        "a person reviewed a fail as passed",
        PASSED,
        {"success": False, "review": "success"},
        reason="a person reviewed this run as passed",
    ),
    # The evaluator.
    _evaluator(
        "never comes",
        Kind.EVALUATOR_MISSING,
        {"evaluator": "never"},
        reason="did not join the room",
        hint="LIVEKIT_URL can be reached from outside",
        suite={"timeout": "4s"},
    ),
    _evaluator(
        "never comes, and Cekura ends the run",
        Kind.EVALUATOR_MISSING,
        {"evaluator": "never", "ends": "failed"},
        reason="never joined the room",
        hint="LIVEKIT_URL can be reached from outside",
    ),
    _evaluator("comes late", PASSED, {"queue": "3s", "late": "1s"}),
    _evaluator("goes as soon as it came", FAILED, {"evaluator": "leaves"}, reason="ended before everything was heard"),
    _evaluator(
        "stays, says nothing and never goes: Cekura judges what it has when the run is ended",
        FAILED,
        {"evaluator": "silent"},
        reason="ended before everything was heard",
        suite={"timeout": "6s"},
    ),
    _evaluator(
        "goes, and the scoring never ends",
        Kind.TIMEOUT,
        {"scoring": "90s"},
        reason="no verdict within 5 s; the run is evaluating",
        hint="raise `timeout`",
        suite={"timeout": "5s"},
        timing={"after_end": 0.5},
    ),
    _evaluator(
        "the run ends as failed",
        Kind.RUN_FAILED,
        {"ends": "failed", "error_message": "Out of credit"},
        reason="ended the run as failed: Out of credit",
        hint=_PAGE,
    ),
    _evaluator("the run ends as timeout", Kind.RUN_FAILED, {"ends": "timeout"}, reason="as timeout", hint=_PAGE),
    _evaluator("the run ends as cancelled", Kind.RUN_FAILED, {"ends": "cancelled"}, reason="as cancelled", hint=_PAGE),
    _evaluator(
        "the run ends as failed, since no agent answered",
        Kind.RUN_FAILED,
        {"ends": "failed", "error_message": "Main agent-did-not-answer"},
        reason="Main agent-did-not-answer",
        hint="the LiveKit plan limits how many agents run at once",
    ),
    Fault(
        part="The evaluator",
        what="one run of three ends as failed: the others go on",
        comes_to=(PASSED, Kind.RUN_FAILED, PASSED),
        reason="ended the run as failed",
        hint=_PAGE,
        faults={"runs": {"31": {"ends": "failed"}}},
        runs=_THREE,
        started=3,
    ),
    # The agent.
    _agent(
        "no worker serves its name",
        Kind.AGENT_MISSING,
        "talk",
        reason="no worker accepted the job for agent 'nobody'",
        hint="check the agent's name",
        suite={"agent_name": "nobody", "agent_timeout": "3s"},
        timing={"no_job": 1.5},
    ),
    _agent("the entrypoint raises", Kind.AGENT_REFUSED, "raise", reason="RuntimeError: no database", hint=_AGENT_LOG),
    _agent(
        "the entrypoint raises what the SDK raises, whose text holds a token",
        Kind.AGENT_REFUSED,
        "raise_with_a_token",
        reason="ConnectError",
        hint=_AGENT_LOG,
    ),
    _agent(
        "the entrypoint raises, and is not wrapped",
        Kind.AGENT_MISSING,
        "raise_unwrapped",
        reason="a worker accepted the job, and no agent joined",
        hint="read the worker's log",
        suite={"agent_timeout": "3s"},
    ),
    _agent(
        "the entrypoint returns at once",
        Kind.AGENT_MISSING,
        "return",
        reason="a worker accepted the job, and no agent joined",
        hint="read the worker's log",
        suite={"agent_timeout": "3s"},
    ),
    _agent(
        "the entrypoint hangs before it connects",
        Kind.AGENT_MISSING,
        "never_connect",
        reason="a worker accepted the job, and no agent joined",
        hint="read the worker's log",
        suite={"agent_timeout": "3s"},
    ),
    _agent(
        "two come: never posted",
        Kind.AGENT_DUPLICATED,
        "bring_another_first",
        reason="2 agents joined",
        hint="dispatch by name only",
    ),
    _agent(
        "a second one comes in mid-run",
        Kind.AGENT_DUPLICATED,
        "bring_another",
        reason="2 agents joined",
        hint="dispatch by name only",
        started=1,
        faults={"runs": {"all": {"evaluator": "silent", "scoring": "90s"}}},
    ),
    _agent(
        "leaves in mid-run, and Cekura judges the talk",
        FAILED,
        "leave",
        started=1,
        reason="The conversation ended early",
    ),
    _agent(
        "leaves in mid-run, and no verdict comes",
        Kind.AGENT_LEFT,
        "leave",
        started=1,
        reason="the agent left during the conversation",
        hint="read the worker's log",
        faults={"runs": {"all": {"evaluator": "silent", "scoring": "90s"}}},
        timing={"agent_gone": 1.0, "after_end": 1.0},
    ),
    _agent(
        "says that it is in voice",
        Kind.WRONG_MODE,
        "say_voice",
        reason="the agent is in voice",
        hint="nothing else sets `text_mode`",
    ),
    _agent(
        "is not wrapped, and this is a text run",
        Kind.WRONG_MODE,
        "connect_only",
        reason="did not confirm text mode",
        hint="wrap_entrypoint",
        suite={"agent_timeout": "3s"},
    ),
    _agent(
        "publishes audio in a text run",
        Kind.AGENT_REFUSED,
        "publish_audio",
        started=1,
        reason="text mode did not hold: the audio track 'music'",
        hint=_AGENT_LOG,
        faults={"runs": {"all": {"evaluator": "silent", "scoring": "90s"}}},
    ),
    _agent(
        "its metadata came mangled: the wrapper refuses it",
        Kind.AGENT_REFUSED,
        "mangled",
        reason="'text_mode' is \"yes\", not true or false",
        hint=_AGENT_LOG,
    ),
    Fault(
        part="The agent",
        what="comes to one room of two: the other is not held back",
        comes_to=(Kind.AGENT_MISSING, PASSED),
        reason="no agent joined",
        hint="read the worker's log",
        runs=({"scenario": 30, "metadata": {"behave": "return"}}, {"scenario": 31}),
        suite={"agent_timeout": "4s"},
        timing={"group": 0.5},
    ),
    # The services as a whole, before anything is made.
    Fault(
        part="Before anything is made",
        what="Cekura refuses the key",
        comes_to=Kind.START_REFUSED,
        reason="Cekura refuses the key (403)",
        hint="check CEKURA_API_KEY",
        posts=0,
        started=0,
        inject=injections.wrong_cekura_key,
    ),
    Fault(
        part="Before anything is made",
        what="nobody listens at Cekura's address",
        comes_to=Kind.CEKURA_UNREACHABLE,
        reason="does not answer",
        headline="The test broke: Cekura could not be reached.",
        hint="check CEKURA_API_URL",
        posts=0,
        started=0,
        inject=injections.no_cekura,
    ),
    Fault(
        part="Before anything is made",
        what="Cekura answers 500, again and again",
        comes_to=Kind.CEKURA_UNREACHABLE,
        reason="answered 500",
        headline="The test broke: Cekura could not be reached.",
        hint="Cekura may be down",
        posts=0,
        started=0,
        faults={"reads": {"all": {"status": 500, "body": "{}"}}},
    ),
    Fault(
        part="Before anything is made",
        what="nobody listens at LiveKit's address",
        comes_to=Kind.LIVEKIT_UNREACHABLE,
        reason="does not answer",
        headline="The test broke: LiveKit failed or could not be reached.",
        hint="check LIVEKIT_URL",
        posts=0,
        started=0,
        inject=injections.no_livekit,
    ),
    Fault(
        part="Before anything is made",
        what="LiveKit refuses the key",
        comes_to=Kind.LIVEKIT_UNREACHABLE,
        reason="refuses the key (401)",
        headline="The test broke: LiveKit failed or could not be reached.",
        hint="check LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
        posts=0,
        started=0,
        inject=injections.wrong_livekit_secret,
    ),
    Fault(
        part="Before anything is made",
        what="something else than LiveKit listens at its address",
        comes_to=Kind.LIVEKIT_UNREACHABLE,
        reason="is not a LiveKit server",
        headline="The test broke: LiveKit failed or could not be reached.",
        hint="check LIVEKIT_URL",
        posts=0,
        started=0,
        inject=injections.not_a_livekit_server,
    ),
    Fault(
        part="Fail-fast",
        what="the first run fails: the others are not begun",
        comes_to=(FAILED, SKIPPED, SKIPPED),
        reason="what nobody says",
        runs=({"scenario": 42}, {"scenario": 30}, {"scenario": 31}),
        suite={"concurrency": 1},
        fail_fast=True,
    ),
)
