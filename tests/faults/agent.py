"""A worker whose agent does what its job's metadata says (``{"behave": …}``): well, or wrong in one of many ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from livekit import api, rtc
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobExecutorType,
    cli,
    function_tool,
    get_job_context,
)
from livekit.rtc._ffi_client import FfiClient

from cekura_agent_kit import wrap_entrypoint
from tests.shapes.models import InstantLLM, speech

PROCESSES = "FAULTS_PROCESSES"
"""Environment variable: each job in a process of its own, so that one can be killed. Threads are faster."""
BOOK = "FAULTS_JOBS"
"""Environment variable: a file that gets the process id and the room of each job."""


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Answer.")

    async def on_enter(self) -> None:
        self.session.say("Welcome.")


def behaviour(ctx: JobContext) -> dict[str, Any]:
    value = json.loads(ctx.job.metadata or "{}")
    return value if isinstance(value, dict) else {}


class Desperate(Host):
    """An agent whose tools end its process, or the call."""

    @function_tool
    async def crash(self) -> str:
        """Crash."""
        os.kill(os.getpid(), signal.SIGKILL)
        return "survived"

    @function_tool
    async def hang_up(self) -> str:
        """Hang up, as the documentation of LiveKit does."""
        context = get_job_context()
        await context.api.room.delete_room(api.DeleteRoomRequest(room=context.room.name))
        return "hung up"


async def talk(ctx: JobContext, agent: type[Host] = Host) -> None:
    session: AgentSession[Any] = AgentSession(llm=InstantLLM(), **speech())
    await session.start(agent(), room=ctx.room)
    if path := behaviour(ctx).get("until"):
        while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.1)
        await _say_until_closed(session, "I am back.")


async def _say_until_closed(session: AgentSession[Any], words: str) -> None:
    """Say it each second: words that are said while a client comes back to its server are lost."""
    closed = asyncio.Event()
    session.on("close", lambda _event: closed.set())
    while not closed.is_set():
        session.say(words)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await closed.wait()


async def despair(ctx: JobContext) -> None:
    await talk(ctx, Desperate)


async def raise_at_once(ctx: JobContext) -> None:
    raise RuntimeError("no database")


async def raise_with_a_token(ctx: JobContext) -> None:
    await rtc.Room().connect("ws://127.0.0.1:1", ctx._info.token, rtc.RoomOptions(connect_timeout=1))


async def return_at_once(ctx: JobContext) -> None:
    return


async def never_connect(ctx: JobContext) -> None:
    await asyncio.Event().wait()


async def leave(ctx: JobContext) -> None:
    await talk(ctx)
    await ctx.wait_for_participant()
    ctx.shutdown("leaves")


async def say_voice(ctx: JobContext) -> None:
    await ctx.connect()
    await ctx.room.local_participant.set_attributes({"cekura.kit": "0", "cekura.mode": "voice"})
    await asyncio.Event().wait()


async def connect_only(ctx: JobContext) -> None:
    await ctx.connect()
    await asyncio.Event().wait()


async def bring_another(ctx: JobContext) -> None:
    """As a rule or a webhook of somebody else's that dispatches into every room."""
    await talk(ctx)
    request = api.CreateAgentDispatchRequest(
        room=ctx.room.name, agent_name=os.environ["LIVEKIT_AGENT_NAME_OVERRIDE"], metadata='{"behave": "connect_only"}'
    )
    await ctx.api.agent_dispatch.create_dispatch(request)


async def bring_another_first(ctx: JobContext) -> None:
    request = api.CreateAgentDispatchRequest(
        room=ctx.room.name, agent_name=os.environ["LIVEKIT_AGENT_NAME_OVERRIDE"], metadata='{"behave": "connect_only"}'
    )
    await ctx.api.agent_dispatch.create_dispatch(request)
    await ctx.connect()
    await asyncio.Event().wait()


async def publish_audio(ctx: JobContext) -> None:
    await talk(ctx)
    await ctx.wait_for_participant()
    track = rtc.LocalAudioTrack.create_audio_track("music", rtc.AudioSource(48000, 1))
    await ctx.room.local_participant.publish_track(track)


async def mangled(ctx: JobContext) -> None:
    """As if something between the dispatch and the agent wrote the metadata again."""
    ctx.job.metadata = '{"text_mode": "yes"}'
    await wrap_entrypoint(talk)(ctx)


BEHAVIOURS = {
    "talk": wrap_entrypoint(talk),
    "despair": wrap_entrypoint(despair),
    "raise": wrap_entrypoint(raise_at_once),
    "raise_unwrapped": raise_at_once,
    "raise_with_a_token": wrap_entrypoint(raise_with_a_token),
    "return": return_at_once,
    "never_connect": never_connect,
    "leave": wrap_entrypoint(leave),
    "say_voice": say_voice,
    "connect_only": connect_only,
    "bring_another": wrap_entrypoint(bring_another),
    "bring_another_first": bring_another_first,
    "publish_audio": wrap_entrypoint(publish_audio),
    "mangled": mangled,
}

processes = os.environ.get(PROCESSES)
# livekit makes its native client on first use, without a lock: two jobs that begin at once in two threads make two, and
# then a connect hangs, or the process ends (livekit 1.1.21).
_ = FfiClient.instance

# A server gives no job to a worker that reports full load, as one does on a busy machine.
server = AgentServer(
    job_executor_type=JobExecutorType.PROCESS if processes else JobExecutorType.THREAD,
    num_idle_processes=1 if processes else 4,
    load_fnc=lambda *_: 0.0,
    port=0,
)


def _note_process(ctx: JobContext) -> None:
    if book := os.environ.get(BOOK):
        with Path(book).open("a") as file:
            file.write(f"{os.getpid()} {ctx.job.room.name}\n")


@server.rtc_session(agent_name="faults")
async def entrypoint(ctx: JobContext) -> None:
    _note_process(ctx)
    await BEHAVIOURS[behaviour(ctx).get("behave", "talk")](ctx)


if __name__ == "__main__":
    cli.run_app(server)
