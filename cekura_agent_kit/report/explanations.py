"""Explanations of each kind of error and of each outcome: what it means, what it costs, and what to do, in order.

`cekura-kit explain` prints them, and docs/kinds.md is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..verdict import ADVICE, Kind, Outcome
from .phrases import KINDS


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Explanation of a kind or an outcome.

    Attributes:
        fault: the part at fault.
        billed: what it may have cost.
        steps: what to do, the most likely first.
        pages: pages of the documentation, in docs/.
        meaning: one sentence.
    """

    fault: str
    billed: str
    steps: tuple[str, ...]
    pages: tuple[str, ...] = ()
    meaning: str = ""


_NOTHING: Final = "nothing: no run was started on Cekura"
_THE_RUN: Final = "the run: it was started on Cekura"
_NOT_AT_ALL: Final = "nothing"

_KINDS: Final[dict[Kind, Explanation]] = {
    Kind.AGENT_MISSING: Explanation(
        fault="the worker, or the name of the agent",
        billed=_NOTHING,
        steps=(
            "compare `agent_name` in the suite with the name in the worker's log (`registered worker`)",
            "check that the worker and the suite have the same LIVEKIT_URL and project",
            "if its log shows the job, read what the entrypoint waits for; raise `agent_timeout` for slow starts",
            "if it shows no job, the worker may report full load: use `worker: agent.py`, or lower `concurrency`",
        ),
        pages=("debugging.md#no-agent-came", "wrapping.md"),
    ),
    Kind.AGENT_DUPLICATED: Explanation(
        fault="the dispatch: more than one worker, rule or webhook sends an agent into the room",
        billed=_NOTHING,
        steps=(
            "stop the other worker with this name, for example one on a colleague's machine or in production",
            "give the suite a `worker` of its own: it is registered under a name that nobody else has",
            "give every worker an agent name: a worker without one joins every room of the project",
        ),
        pages=("debugging.md#no-agent-came",),
    ),
    Kind.AGENT_REFUSED: Explanation(
        fault="the agent: the wrapper refused the test, or the entrypoint raised before the start",
        billed=_NOTHING,
        steps=(
            "read the reason in the report; it is the wrapper's or the exception's own text",
            "read the kept log of the run for the traceback",
            "if a speech model is named, read what text mode does with it in text-mode.md",
        ),
        pages=("text-mode.md", "reports.md#logs-that-are-kept"),
    ),
    Kind.AGENT_LEFT: Explanation(
        fault="the agent or its worker: it left, and Cekura gave no verdict",
        billed=_THE_RUN,
        steps=(
            "read the kept log of the run: did the job crash, or was the worker stopped?",
            "look in the transcript for a tool that hangs up earlier than the scenario expects",
        ),
        pages=("reports.md#logs-that-are-kept",),
    ),
    Kind.WRONG_MODE: Explanation(
        fault="the agent: it runs in another mode than the run asks for, or does not confirm text mode",
        billed=_NOTHING,
        steps=(
            "wrap the entrypoint with wrap_entrypoint, and restart its worker",
            "if it is wrapped with tests='signed', give both sides the same CEKURA_KIT_SECRET",
            "run `cekura-kit check-agent`, which names what the agent does not show",
        ),
        pages=("wrapping.md", "contract.md"),
    ),
    Kind.NOT_SIGNED: Explanation(
        fault="the secrets: the agent did not accept the signature, and the run replaces tools",
        billed=_NOTHING,
        steps=(
            "give both sides the same CEKURA_KIT_SECRET; LiveKit Cloud's deployed agents have secrets of their own",
            "install this version of the kit where the agent runs: 0.1 verifies no signature",
            "check the clocks of both machines",
        ),
        pages=("wrapping.md#signed-tests",),
    ),
    Kind.WORKER_FAILED: Explanation(
        fault="the suite's worker: it did not start, or died",
        billed="runs that had begun; none if the worker never registered",
        steps=(
            "read the end of its log, which the report quotes",
            "start it by hand: `cekura-kit worker agent.py`",
            "check that what it imports is installed in the environment that runs cekura-kit",
        ),
        pages=("reports.md#logs-that-are-kept",),
    ),
    Kind.SANDBOX_FAILED: Explanation(
        fault="the sandbox: a stand-in lacks what the agent asked for, or failed",
        billed=_NOT_AT_ALL,
        steps=(
            "read the request that is quoted: it names the service and the path",
            "give the agent a rule in cekura.models.yaml, or a stand-in that it has, in tests",
            "otherwise test this agent with the hosted services: `cekura-kit run`",
        ),
        pages=("sandbox.md",),
    ),
    Kind.START_REFUSED: Explanation(
        fault="the request: Cekura answered with a 4xx status",
        billed=_NOTHING,
        steps=(
            "read Cekura's answer in the report: key, balance, or ids of scenarios and agent",
            "run `cekura-kit doctor`: it checks each of them without a start",
        ),
        pages=("faults.md#the-start",),
    ),
    Kind.START_UNKNOWN: Explanation(
        fault="the connection: the answer to the start was lost",
        billed="perhaps a run: a start is never sent twice, because it may have been received",
        steps=(
            "open the project's runs on Cekura, and end a run of that minute that no report names",
            "run the suite again",
        ),
        pages=("faults.md#the-start",),
    ),
    Kind.EVALUATOR_MISSING: Explanation(
        fault="the way from Cekura to the room: the evaluator never joined",
        billed="the start, as Cekura bills it",
        steps=(
            "check that LIVEKIT_URL can be reached from the internet: Cekura's evaluator comes from there",
            "read the run's page on Cekura",
        ),
        pages=("network.md",),
    ),
    Kind.RUN_FAILED: Explanation(
        fault="Cekura: it ended the run without a verdict",
        billed=_THE_RUN,
        steps=(
            "read the run's page on Cekura; the agent was in the room until the end",
            "run the case again; if it happens each time, ask Cekura with the run's id",
        ),
        pages=("verdicts.md",),
    ),
    Kind.UNSCORED: Explanation(
        fault="the scenario on Cekura: it has nothing by which the conversation is judged",
        billed=_THE_RUN,
        steps=(
            "attach a metric, a rubric rule or an expected outcome to the scenario on Cekura",
            "to accept it, set `unscored: warn` or `unscored: pass` in the suite",
        ),
        pages=("verdicts.md", "suite.md"),
    ),
    Kind.TIMEOUT: Explanation(
        fault="what the run waited for when its time ended; the reason names it",
        billed=_THE_RUN,
        steps=(
            "read the timeline and the last lines of the transcript: did one side wait for the other?",
            "raise `timeout`, or `suite_timeout`, if the conversation is just long",
        ),
        pages=("debugging.md#the-run-timed-out",),
    ),
    Kind.CANCELLED: Explanation(
        fault="nobody: the suite was stopped by a signal",
        billed="runs that had begun; they were ended",
        steps=("run it again", "if rooms are listed as left, run `cekura-kit sweep`"),
    ),
    Kind.CEKURA_UNREACHABLE: Explanation(
        fault="Cekura's API, or the way to it",
        billed="a run that had begun; nothing if the start was never sent",
        steps=(
            "check CEKURA_API_URL, proxies and certificates with `cekura-kit doctor`",
            "read Cekura's status page, and try again",
        ),
        pages=("network.md",),
    ),
    Kind.LIVEKIT_UNREACHABLE: Explanation(
        fault="the LiveKit server, or the way to it",
        billed="a run that had begun; nothing if the room could not be made",
        steps=(
            "check LIVEKIT_URL, proxies and certificates with `cekura-kit doctor`",
            "read the status page of your LiveKit, and try again",
        ),
        pages=("network.md",),
    ),
    Kind.API_UNREACHABLE: Explanation(
        fault="Cekura's API or LiveKit; only reports of 0.1 have this kind",
        billed="a run that had begun",
        steps=("check both addresses with `cekura-kit doctor`, and try again",),
        pages=("upgrading.md#kinds",),
    ),
    Kind.NOT_RUN: Explanation(
        fault="what stopped the suite; another run or the suite's own reason names it",
        billed=_NOTHING,
        steps=("fix what stopped the suite", "run it again"),
    ),
    Kind.SHARD_MISSING: Explanation(
        fault="the reports that were merged: one of a shard is missing",
        billed=_NOT_AT_ALL,
        steps=(
            "give `cekura-kit report` the JSON reports of all shards",
            "look at the job of the missing shard in CI: it wrote none, or did not upload it",
        ),
        pages=("reports.md",),
    ),
    Kind.INTERNAL: Explanation(
        fault="cekura-agent-kit",
        billed="runs that had begun",
        steps=("run it again with CEKURA_KIT_DEBUG=1", "report it with the traceback"),
    ),
}
_OUTCOMES: Final[dict[Outcome, Explanation]] = {
    Outcome.PASSED: Explanation(
        meaning="the agent did what was expected, and something was measured",
        fault="nobody",
        billed=_THE_RUN,
        steps=("nothing",),
        pages=("verdicts.md",),
    ),
    Outcome.FAILED: Explanation(
        meaning="the agent did not do what was expected",
        fault="the agent, or a scenario that expects the wrong thing",
        billed=_THE_RUN,
        steps=(
            "read the reason: a rubric rule, a metric, a statement of the expected outcome, or a crash of the agent",
            "read the transcript beside it; tool calls and exceptions are in it",
            "rehearse the turn in pytest before you pay for another run",
        ),
        pages=("debugging.md", "rehearsal.md"),
    ),
    Outcome.ERRORED: Explanation(
        meaning="the test could not judge the agent; its kind names the cause",
        fault="the part that the kind names",
        billed="see the kind",
        steps=("run `cekura-kit explain` with the kind of the run",),
        pages=("kinds.md",),
    ),
    Outcome.SKIPPED: Explanation(
        meaning="the run was left out on purpose; it counts in no pool and changes no exit code",
        fault="nobody",
        billed=_NOTHING,
        steps=("run the suite without `--fail-fast` to have all runs",),
        pages=("suite.md",),
    ),
}


def words() -> Iterator[str]:
    """Yield every word that has an explanation: the kinds, then the outcomes."""
    yield from (each.value for each in (*Kind, *Outcome))


def explanation_of(word: str) -> Explanation | None:
    """Return the explanation of a kind or an outcome; None for any other word."""
    if word in set(Outcome):
        return _OUTCOMES[Outcome(word)]
    if word not in set(Kind):
        return None
    kind = Kind(word)
    found = _KINDS[kind]
    return Explanation(**{**asdict(found), "meaning": KINDS[kind]})


def as_json(word: str, explanation: Explanation) -> dict[str, Any]:
    """Return the JSON of an explanation; ``advice`` is the one sentence that reports print."""
    advice = ADVICE[Kind(word)] if word in set(Kind) else ""
    return {"version": 1, "word": word, "advice": advice, **asdict(explanation)}
