"""One worker that serves every shape over a real server, and what a trigger does for one run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from livekit import api

from cekura_agent_kit.contract import ERROR_ATTRIBUTE, Mode
from cekura_agent_kit.permit import Key, Permit
from cekura_agent_kit.sandbox.livekit_server import LiveKitServer
from tests.agent.evaluator import DEADLINE, Evaluator
from tests.shapes.models import SPY_FILE

ROOT = Path(__file__).parents[2]


class Worker:
    """A worker process, started with ``python FILE dev --no-reload`` or ``start``."""

    def __init__(
        self, module: str, server: LiveKitServer, folder: Path, *, environment: dict[str, str] | None = None
    ) -> None:
        self.server = server
        self.agent_name = f"shapes-{secrets.token_hex(4)}"
        self.spy_file = folder / f"spies-{secrets.token_hex(4)}"
        self.log_file = folder / f"worker-{secrets.token_hex(4)}.log"
        given = (
            os.environ
            | server.environment
            | {
                "LIVEKIT_AGENT_NAME_OVERRIDE": self.agent_name,
                "PYTHONPATH": str(ROOT),
                SPY_FILE: str(self.spy_file),
                **(environment or {}),
            }
        )
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "dev", "--no-reload"],
                env=given,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def speech_calls(self) -> list[str]:
        return self.spy_file.read_text().split("\n")[:-1] if self.spy_file.exists() else []

    def wait_until_registered(self) -> None:
        deadline = time.monotonic() + 120
        while "registered worker" not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Run:
    """A room with a dispatched agent, as the trigger makes it."""

    def __init__(self, worker: Worker, lkapi: api.LiveKitAPI) -> None:
        self.worker = worker
        self.api = lkapi
        self.room = f"test-{secrets.token_hex(6)}"

    async def agent(self) -> api.ParticipantInfo | None:
        found = await self.api.room.list_participants(api.ListParticipantsRequest(room=self.room))
        return next((each for each in found.participants if each.kind == api.ParticipantInfo.Kind.AGENT), None)

    async def until(self, what: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """The agent's attributes, once they are as wished."""
        seen: dict[str, str] | None = None
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    if agent := await self.agent():
                        assert "cekura.error" not in agent.attributes or what({"cekura.error": ""}), agent.attributes
                        seen = dict(agent.attributes)
                        if what(seen):
                            return seen
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the agent's attributes: {seen}\n{self.worker.log[-6000:]}") from None

    async def remove_agent(self) -> None:
        """Take the agent out of the room, as a trigger does that has read its error."""
        if agent := await self.agent():
            await self.api.room.remove_participant(api.RoomParticipantIdentity(room=self.room, identity=agent.identity))

    async def refusal(self) -> dict[str, str]:
        """The attributes of an agent that has refused; then it is taken out, and is gone."""
        attributes = await self.until(lambda attributes: ERROR_ATTRIBUTE in attributes)
        await self.remove_agent()
        await self.agent_gone()
        return attributes

    async def agent_gone(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.agent():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def logged(self, what: str, *, also: str = "") -> None:
        """Wait for a line in the worker's log."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not any(what in line and also in line for line in self.worker.log.splitlines()):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{what!r} is not in the log\n{self.worker.log[-6000:]}") from None

    async def room_knows(self, evaluator: Evaluator) -> None:
        """Wait until the agent has seen the evaluator: words before that are lost without the kit."""
        line = "RoomIO linked to participant"
        with contextlib.suppress(TimeoutError):
            # 1.6 says nothing of it; an announcement takes 0.1 s.
            async with asyncio.timeout(3):
                while not any(line in each and self.room in each for each in self.worker.log.splitlines()):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def announce(self, identity: str = "evaluator") -> None:
        """Have the server announce a participant that publishes no track, once it is active."""
        async with asyncio.timeout(DEADLINE):
            while True:
                found = await self.api.room.list_participants(api.ListParticipantsRequest(room=self.room))
                if any(
                    p.identity == identity and p.state == api.ParticipantInfo.State.ACTIVE for p in found.participants
                ):
                    break
                await asyncio.sleep(0.01)
        await self.api.room.update_participant(
            api.UpdateParticipantRequest(room=self.room, identity=identity, attributes={"cekura.announced": "1"})
        )

    def evaluator(self, identity: str = "evaluator", *, hidden: bool = False) -> Evaluator:
        return Evaluator(self.worker.server, self.room, identity, hidden=hidden)

    async def dispatch(self, metadata: dict[str, Any] | str) -> None:
        await self.api.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(
                agent_name=self.worker.agent_name,
                room=self.room,
                metadata=metadata if isinstance(metadata, str) else json.dumps(metadata),
            )
        )


def signed(worker: Worker, room: str, shape: str, *, secret: str = "", tier: str = "", **claims: Any) -> str:
    """Metadata of a test that its trigger has signed, in text unless a claim says otherwise.

    ``secret``: another one than the server's. ``tier``: a key of the caller's own.
    """
    permit = Permit(**{"room": room, "mode": Mode.TEXT, "suite": "s", "case": "1#1"} | claims)
    own = {"shape": shape} | ({"tier": tier} if tier else {})
    return permit.job_metadata(own, key=Key("LIVEKIT_API_SECRET", secret or worker.server.api_secret), ttl=60)


@asynccontextmanager
async def dispatched(worker: Worker, metadata: dict[str, Any] | str | None) -> AsyncIterator[Run]:
    """A room of its own with an agent on its way, deleted at the end; without metadata the test dispatches."""
    server = worker.server
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
        run = Run(worker, lkapi)
        await lkapi.room.create_room(api.CreateRoomRequest(name=run.room, empty_timeout=120))
        try:
            if metadata is not None:
                await run.dispatch(metadata)
            yield run
        finally:
            try:
                await lkapi.room.delete_room(api.DeleteRoomRequest(room=run.room))
            except api.TwirpError as error:
                # The agent may have done so.
                if error.code != api.TwirpErrorCode.NOT_FOUND:
                    raise
