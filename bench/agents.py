"""A real worker for the benchmarks: each shape of agent, reached in text in each way that there is.

    python -m bench.agents start

The job's metadata names shape and way. Each job has a process of its own, so that no way meets another's patches.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import AgentServer, AgentSession, JobContext, cli

from tests.shapes import SHAPES, Shape

READY = 6
"""Job processes kept ready: as many as one shape of agent is dispatched in ways, and one."""


def no_load() -> float:
    """A busy worker is sent no jobs, and a benchmark keeps its machine busy."""
    return 0.0


server = AgentServer(num_idle_processes=READY, load_fnc=no_load, port=0)


@server.rtc_session(agent_name="bench")
async def entrypoint(ctx: JobContext) -> None:
    """Run the shape that the metadata names, in its way."""
    asked = json.loads(ctx.job.metadata)
    await WAYS[asked["way"]](SHAPES[asked["shape"]], ctx)


async def wrapped(shape: Shape, ctx: JobContext) -> None:
    """Ours: the entrypoint as it stands, wrapped."""
    await shape.entrypoint(ctx)


async def by_dispatch(shape: Shape, ctx: JobContext) -> None:
    """The framework's own: nothing in the agent, `lk.simulator.dispatch` on the dispatch."""
    await inspect.unwrap(shape.entrypoint)(ctx)


async def by_tracer(shape: Shape, ctx: JobContext) -> None:
    """The published SDK's: `await tracer.track_session(ctx, session)` before each `session.start`."""
    from cekura.livekit import LiveKitTracer

    # Traces and transcripts go nowhere: where they would go is no part of the talk.
    tracer = LiveKitTracer(api_key="bench", agent_id=1, host="http://127.0.0.1:9", enable_otel_traces=False)
    start = AgentSession.start
    tracked: set[int] = set()

    async def track_and_start(session: AgentSession[Any], *args: Any, **kwargs: Any) -> Any:
        if id(session) in tracked:
            return await start(session, *args, **kwargs)
        tracked.add(id(session))
        await tracer.track_session(ctx, session)
        return await session.start(*args, **kwargs)

    # What an owner writes into each entrypoint; this process runs one job.
    AgentSession.start = track_and_start  # type: ignore[method-assign, assignment]
    await inspect.unwrap(shape.entrypoint)(ctx)


WAYS: dict[str, Callable[[Shape, JobContext], Awaitable[None]]] = {
    "wrapped": wrapped,
    "dispatch": by_dispatch,
    "tracer": by_tracer,
}


if __name__ == "__main__":
    cli.run_app(server)
