"""A real worker that serves every shape and probe: the job's metadata names it (``{"shape": …}``)."""

from __future__ import annotations

import json
import os

from livekit.agents import AgentServer, AgentSession, JobContext, JobExecutorType, cli
from livekit.rtc._ffi_client import FfiClient

from tests.shapes.agents import SHAPES
from tests.shapes.models import MOVED
from tests.shapes.probes import PROBES

# livekit makes its native client on first use, without a lock: two jobs that begin at once in two threads make two,
# and what the first waits for is told to the second (livekit 1.1.21: its connect hangs, then the process is ended).
_ = FfiClient.instance

if os.environ.get(MOVED):
    AgentSession._text_only = False  # type: ignore[method-assign, assignment]

# A server gives no job to a worker that reports full load, as one does on a busy machine.
if clash := SHAPES.keys() & PROBES.keys():
    raise ValueError(f"a shape and a probe have one name: {clash}")

server = AgentServer(job_executor_type=JobExecutorType.THREAD, num_idle_processes=4, load_fnc=lambda *_: 0.0)


@server.rtc_session(agent_name="shapes")
async def any_shape(ctx: JobContext) -> None:
    name = json.loads(ctx.job.metadata)["shape"]
    await (PROBES[name] if name in PROBES else SHAPES[name].entrypoint)(ctx)


if __name__ == "__main__":
    cli.run_app(server)
