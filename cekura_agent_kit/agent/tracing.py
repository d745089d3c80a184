"""Cekura's own tracer: it sends the conversation with its tool calls to Cekura when the job ends."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from livekit.agents import Agent, AgentSession

    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

CEKURA: Final = "https://api.cekura.ai"
_TRACK_TIMEOUT: Final = 10.0
"""Seconds. With a host that does not answer, the tracer's request for mock tools takes 3."""


async def track(job: JobUnderTest, session: AgentSession[Any], agent: Agent) -> None:
    """Let the tracer track a session of a test, before it starts. A failure is logged, and the test goes on."""
    try:
        async with asyncio.timeout(_TRACK_TIMEOUT):
            await _tracer().track_session(job.context, session, agent)
    except Exception as fault:  # noqa: BLE001
        logger.warning("this call is not traced: %s: %s", type(fault).__name__, fault)


def _tracer() -> Any:
    from cekura.livekit import LiveKitTracer

    missing = [name for name in ("CEKURA_API_KEY", "CEKURA_AGENT_ID") if not os.environ.get(name)]
    if missing:
        raise LookupError(f"{' and '.join(missing)} not set")
    host = os.environ.get("CEKURA_API_URL", "").rstrip("/") or CEKURA
    return LiveKitTracer(
        api_key=os.environ["CEKURA_API_KEY"],
        agent_id=int(os.environ["CEKURA_AGENT_ID"]),
        host=host,
        # Its spans always go to Cekura's own host. Where that cannot be reached, the job's end waits 10 s for them.
        enable_otel_traces=host == CEKURA,
    )
