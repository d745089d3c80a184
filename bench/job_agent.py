"""A production worker whose jobs write down how long they took to start, and what of it is the wrapper's.

    python -m bench.job_agent start

A job's metadata names the file in which it writes: CPU seconds of each part, which a busy machine does not change, and
seconds by the clock from the dispatch until the session has started.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli
from livekit.plugins import openai, silero

_before = time.process_time()
# As an agent's file has it, where nothing else has imported the kit.
from cekura_agent_kit import wrap_entrypoint  # noqa: E402


@wrap_entrypoint
async def entrypoint(ctx: JobContext) -> None:
    """Start a session in voice, as the example does."""
    entered = time.process_time()
    session = AgentSession[None](
        stt=openai.STT(model="whisper-1", api_key="bench"),
        llm=openai.LLM(model="gpt-4.1-mini", api_key="bench"),
        tts=openai.TTS(model="tts-1", voice="nova", api_key="bench"),
        vad=ctx.proc.userdata["vad"],
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},
    )
    await session.start(agent=Agent(instructions="You take bookings."), room=ctx.room)
    asked = json.loads(ctx.job.metadata)
    took = {
        "start": time.process_time(),
        "process": ctx.proc.userdata["process"],
        "import": IMPORT,
        "entry": entered - ctx.proc.userdata["called"],
        "clock": time.time() - asked["dispatched"],
    }
    written = Path(asked["report"])
    written.with_suffix(".part").write_text(json.dumps(took))
    written.with_suffix(".part").replace(written)


IMPORT = time.process_time() - _before
"""CPU seconds of the wrapper's import and of wrapping."""


async def timed(ctx: JobContext) -> None:
    """Call the entrypoint as the job process would."""
    ctx.proc.userdata["called"] = time.process_time()
    await entrypoint(ctx)


def prewarm(process: JobProcess) -> None:
    """Load the model, as the example does, and note what the process took until here."""
    process.userdata["vad"] = silero.VAD.load()
    process.userdata["process"] = time.process_time()


def no_load() -> float:
    """A busy worker is sent no jobs, and others may use this machine."""
    return 0.0


server = AgentServer(setup_fnc=prewarm, load_fnc=no_load, port=0)
server.rtc_session(agent_name="bench")(timed)


if __name__ == "__main__":
    cli.run_app(server)
