"""What no stream of a room carries, tool calls, handoffs and errors, told to the run's witness alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from ..contract import EVENTS_TOPIC, KIT_KEY, permitted_witness

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import AgentSession, ConversationItemAddedEvent, ErrorEvent, FunctionToolsExecutedEvent

    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")


class Witness:
    """The one participant whom the job's permit names, and the events on their way to it, in order."""

    def __init__(self, job: JobUnderTest, identity: str) -> None:
        self._job = job
        self._identity = identity
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        job.start(self._tell_all(), "events")

    def watch(self, session: AgentSession[Any]) -> None:
        """Tell what happens in a session."""
        session.on("function_tools_executed", self._on_tools)
        session.on("conversation_item_added", self._on_item)
        session.on("error", self._on_error)

    async def _tell_all(self) -> None:
        room: rtc.Room = self._job.room
        while True:
            event = await self._events.get()
            await self._job.connected.wait()
            try:
                await room.local_participant.send_text(
                    json.dumps(event), topic=EVENTS_TOPIC, destination_identities=[self._identity]
                )
            except Exception as fault:  # noqa: BLE001
                # A witness that cannot be told is no reason to disturb the call.
                logger.warning("an event could not be told to the witness: %s: %s", type(fault).__name__, fault)

    def _on_tools(self, event: FunctionToolsExecutedEvent) -> None:
        for call, output in event.zipped():
            self._events.put_nowait(
                {
                    "type": "tool_call",
                    "at": output.created_at if output else event.created_at,
                    "name": call.name,
                    "call_id": call.call_id,
                    "arguments": _arguments(call.arguments),
                    "output": output.output if output else "",
                    "is_error": output.is_error if output else False,
                    "started_at": call.created_at,
                }
            )

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "agent_handoff":
            self._events.put_nowait(
                {"type": "handoff", "at": item.created_at, "from": item.old_agent_id, "to": item.new_agent_id}
            )

    def _on_error(self, event: ErrorEvent) -> None:
        error = getattr(event.error, "error", event.error)
        self._events.put_nowait(
            {
                "type": "error",
                "at": time.time(),
                "source": type(event.source).__name__,
                "text": f"{type(error).__name__}: {error}",
            }
        )


def witness_of(job: JobUnderTest) -> Witness | None:
    """The witness that the job's metadata permits, if it does.

    Metadata can be written by whoever mints a participant's token: only a permit signed with the API secret counts. The
    worker puts the key and the secret that it was given into the environment of its jobs.
    """
    ours = job.call.metadata.get(KIT_KEY, {})
    permit = ours.get("witness", "")
    key, secret = os.environ.get("LIVEKIT_API_KEY", ""), os.environ.get("LIVEKIT_API_SECRET", "")
    if not (permit and isinstance(permit, str) and key and secret):
        return None
    identity = permitted_witness(permit, api_key=key, api_secret=secret, room=job.context.job.room.name)
    if identity is None:
        logger.warning("the witness's permit does not hold: forged, expired or for another room; it is told nothing")
        return None
    return Witness(job, identity)


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {"": text}
