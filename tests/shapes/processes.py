"""A worker with job processes, its entrypoint given to it in the way that ``SHAPES_STYLE`` names. Run as a program."""

from __future__ import annotations

import os

from livekit.agents import AgentServer, JobContext, WorkerOptions, cli

from cekura_agent_kit import wrap_entrypoint
from tests.shapes.agents import Greeter, new_session

STYLE = os.environ["SHAPES_STYLE"]
STARTED_WITHIN = 60.0
"""Seconds for a job process to be ready: on a busy machine its imports alone take more than livekit-agents' 10."""
server = AgentServer(load_fnc=lambda *_: 0.0, initialize_process_timeout=STARTED_WITHIN)


async def serve(ctx: JobContext) -> None:
    await new_session().start(Greeter(), room=ctx.room)


if STYLE == "decorated":

    @server.rtc_session(agent_name="processes")
    @wrap_entrypoint
    async def entrypoint(ctx: JobContext) -> None:
        await serve(ctx)

elif STYLE == "other order":

    @wrap_entrypoint(never_away=False)
    @server.rtc_session(agent_name="processes")
    async def entrypoint(ctx: JobContext) -> None:
        await serve(ctx)

elif STYLE == "inline":
    server.rtc_session(wrap_entrypoint(serve), agent_name="processes")

if __name__ == "__main__":
    if STYLE == "options":
        cli.run_app(
            WorkerOptions(
                entrypoint_fnc=wrap_entrypoint(serve),
                agent_name="processes",
                load_fnc=lambda *_: 0.0,
                initialize_process_timeout=STARTED_WITHIN,
            )
        )
    else:
        cli.run_app(server)
