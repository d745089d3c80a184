"""Agents' files for the tests of `cekura-kit worker`, and workers that serve them."""

from __future__ import annotations

from pathlib import Path

from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from cekura_agent_kit.trigger.worker.worker import Worker
from tests.trigger.bench import worker_environment

SUITE = "worker: agent.py\nmode: text\nruns: [{scenario: 1, repeat: 3}]\n"


def served(server: LiveKitServer, folder: Path, target: str, *, wrapped: bool = True, **environment: str) -> Worker:
    """A worker of the file or command, not yet started."""
    variables = worker_environment(server, **environment)
    if target.startswith("python"):
        variables["HEALTH_PORT"] = "0"  # two at once would have the same one
    return Worker(target, folder=folder, environment=variables, agent_name="mine", wrapped=wrapped)


GREETER = """
import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from cekura_agent_kit import wrap_entrypoint

IMPORTED_IN = os.getpid()


def prewarm(process):
    process.userdata["prewarmed"] = True


server = AgentServer(setup_fnc=prewarm, port=int(os.environ.get("HEALTH_PORT", "8081")))


class Greeter(Agent):
    def __init__(self, words):
        super().__init__(instructions="Greet.")
        self.words = words

    async def on_enter(self):
        self.session.say(self.words)


@server.rtc_session(agent_name="greeter")
@wrap_entrypoint
async def entrypoint(ctx: JobContext):
    session = AgentSession()
    inherited = IMPORTED_IN != os.getpid()
    words = f"prewarmed {ctx.proc.userdata.get('prewarmed')}, inherited {inherited}, {os.environ.get('PYTHONPATH')}."
    await session.start(agent=Greeter(words), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
"""
