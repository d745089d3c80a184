"""A worker with the example's agent, wrapped or bare as the job's metadata asks: the same function, the same process.

    python -m bench.voice_agent start

Each job has a process of its own, and the wrapper changes nothing in one that runs the bare function.
"""

from __future__ import annotations

import inspect
import json

from livekit.agents import AgentServer, JobContext, cli

from cekura_agent_kit.worker.module import load_module

from .suites import BARE, EXAMPLE

agent = load_module(EXAMPLE / "agent.py")


def no_load() -> float:
    """A busy worker is sent no jobs, and a benchmark keeps its machine busy."""
    return 0.0


server = AgentServer(setup_fnc=agent.prewarm, load_fnc=no_load, num_idle_processes=2, port=0)


@server.rtc_session(agent_name="bench")
async def entrypoint(ctx: JobContext) -> None:
    """Run the example's entrypoint."""
    asked = json.loads(ctx.job.metadata)
    await (inspect.unwrap(agent.entrypoint) if asked.get(BARE) else agent.entrypoint)(ctx)


if __name__ == "__main__":
    cli.run_app(server)
