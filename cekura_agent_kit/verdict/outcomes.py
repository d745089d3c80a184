"""Outcomes of runs, pools, scenarios and suites, and the kinds of error."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Result of a run, a pool, a scenario or a suite."""

    PASSED = "passed"
    """The agent did what the test expects, and something was measured."""
    FAILED = "failed"
    """The agent did not do what the test expects."""
    ERRORED = "errored"
    """The test could not judge the agent; `kind` names the cause."""
    SKIPPED = "skipped"
    """The run was left out on purpose; `reason` is a `SkipReason`. It counts in no pool."""


class SkipReason(StrEnum):
    """Reason of a skipped run."""

    FAIL_FAST = "fail_fast"
    """An earlier run failed, and the suite stops at the first failure."""
    DECIDED = "decided"
    """The run could not change its pool's outcome (`stop_when_decided`)."""
    TRIED = "tried"
    """The scenario failed in memory, on this machine, before anything was started (`--try`)."""


class Kind(StrEnum):
    """Cause of an errored run or suite."""

    AGENT_MISSING = "agent_missing"
    """No agent joined the room."""
    AGENT_DUPLICATED = "agent_duplicated"
    """More than one agent joined the room."""
    AGENT_REFUSED = "agent_refused"
    """The wrapper refused the test, or the entrypoint raised; the agent's attribute `cekura.error` has the reason."""
    AGENT_LEFT = "agent_left"
    """The agent left before the run ended, and Cekura gave no verdict."""
    WRONG_MODE = "wrong_mode"
    """The agent runs in another mode than the run asks for."""
    NOT_SIGNED = "not_signed"
    """The agent did not accept the trigger's signature, and the run has `tools`, which need it."""
    WORKER_FAILED = "worker_failed"
    """The suite's worker did not start, or died."""
    SANDBOX_FAILED = "sandbox_failed"
    """A service of the sandbox lacks what the agent asked for, or failed."""
    START_REFUSED = "start_refused"
    """Cekura answered the start with a 4xx status."""
    START_UNKNOWN = "start_unknown"
    """The answer to the start was lost, and the run that it started could not be identified."""
    EVALUATOR_MISSING = "evaluator_missing"
    """Cekura's evaluator never joined the room."""
    RUN_FAILED = "run_failed"
    """Cekura ended the run without a verdict."""
    UNSCORED = "unscored"
    """Cekura reported success, but nothing was measured."""
    TIMEOUT = "timeout"
    """The run or the suite did not end in time."""
    CANCELLED = "cancelled"
    """The suite was stopped by a signal."""
    CEKURA_UNREACHABLE = "cekura_unreachable"
    """Cekura's API did not answer."""
    LIVEKIT_UNREACHABLE = "livekit_unreachable"
    """The LiveKit server did not answer, or was restarted."""
    API_UNREACHABLE = "api_unreachable"
    """Cekura's API or LiveKit did not answer. Written by versions before 0.2 only."""
    NOT_RUN = "not_run"
    """The suite was stopped before this run started."""
    SHARD_MISSING = "shard_missing"
    """Merged reports do not include every shard."""
    INTERNAL = "internal"
    """A fault in cekura-agent-kit."""
