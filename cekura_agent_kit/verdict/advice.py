"""Advice on each kind of error, where nothing more exact is known."""

from __future__ import annotations

from typing import Final

from .outcomes import Kind

ADVICE: Final[dict[Kind, str]] = {
    Kind.AGENT_MISSING: "check that a worker serves this agent name on this LiveKit project, and read its log",
    Kind.AGENT_DUPLICATED: "stop the other worker with this agent name, or give the suite a `worker` of its own",
    Kind.AGENT_REFUSED: "read the reason: the wrapper, or the exception of the entrypoint",
    Kind.AGENT_LEFT: "read the worker's log of that time: did the job crash, or was the worker stopped?",
    Kind.WRONG_MODE: "wrap the entrypoint with wrap_entrypoint, which reads the mode of each job",
    Kind.NOT_SIGNED: "give both sides the same LiveKit secret, or CEKURA_KIT_SECRET",
    Kind.WORKER_FAILED: "read the worker's log, which is kept beside the reports",
    Kind.SANDBOX_FAILED: "the sandbox cannot stand in for this service: test this agent with the hosted one; "
    "record a cassette that lacks an answer anew, with `pytest --cekura-record=new`",
    Kind.START_REFUSED: "read Cekura's answer: the key, the balance, or the ids of the suite",
    Kind.START_UNKNOWN: "look on Cekura for a run that nobody knows, and end it; it may be billed",
    Kind.EVALUATOR_MISSING: "check that LIVEKIT_URL can be reached from outside, and read the run's page on Cekura",
    Kind.RUN_FAILED: "read the run's page on Cekura; the agent was in the room until the end",
    Kind.UNSCORED: "attach a metric, a rubric rule or an expected outcome to the scenario on Cekura; or set `unscored`",
    Kind.TIMEOUT: "raise `timeout` in the suite, or read on the run's page what it waits for",
    Kind.CANCELLED: "run it again",
    Kind.CEKURA_UNREACHABLE: "Cekura may be down: read its status page, and try again",
    Kind.LIVEKIT_UNREACHABLE: "LiveKit may be down: check LIVEKIT_URL and its status page, and try again",
    Kind.API_UNREACHABLE: "check both addresses, and try again",
    Kind.NOT_RUN: "fix what stopped the suite, and run it again",
    Kind.SHARD_MISSING: "give `cekura-kit report` the reports of all shards",
    Kind.INTERNAL: "run it again with CEKURA_KIT_DEBUG=1 for the traceback, and report it",
}
"""One sentence for every kind. An error of a run usually has a more exact hint of its own."""
