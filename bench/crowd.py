"""Stand-ins for LiveKit's server API and for Cekura that hold hundreds of talks with nobody in them.

    python -m bench.crowd SCENARIOS SECONDS RECORDING

Every dispatch brings an agent, every started run an evaluator that stays for SECONDS. Prints one line of JSON when it
serves, the environment for `cekura-kit run`, and one when its standard input ends: the requests that came, by route.
RECORDING is a file; then it holds each of them, as `bench.bare_client` sends them again.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jwt
from aiohttp import web
from google.protobuf.message import Message
from livekit import api
from livekit.protocol.agent import Job
from livekit.protocol.models import ParticipantInfo

from cekura_agent_kit.contract import KIT_ATTRIBUTE, MODE_ATTRIBUTE, Mode
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.sandbox.cekura.steps import Step
from cekura_agent_kit.sandbox.channels.channel import ToolUse, Utterance
from cekura_agent_kit.sandbox.channels.room import RoomChannel
from cekura_agent_kit.sandbox.web import WebService

from .recording import Recording

AGENT_COMES = 0.3
"""Seconds from a dispatch until its agent is in the room, as measured with a worker that keeps processes ready."""
LAST_WORDS = "goodbye"


@dataclass
class Room:
    """A room as LiveKit knows it. Times are `time.time`'s."""

    dispatches: dict[str, float] = field(default_factory=dict)
    evaluator: ParticipantInfo | None = None
    metadata: str = ""

    def participants(self) -> list[ParticipantInfo]:
        agents = [
            ParticipantInfo(
                identity=f"agent-{dispatch}",
                state=ParticipantInfo.State.ACTIVE,
                kind=ParticipantInfo.Kind.AGENT,
                attributes={KIT_ATTRIBUTE: "bench", MODE_ATTRIBUTE: Mode.VOICE},
                joined_at_ms=int(made * 1000),
            )
            for dispatch, made in self.dispatches.items()
            if time.time() >= made + AGENT_COMES
        ]
        return agents + ([self.evaluator] if self.evaluator else [])


class LiveKitService(WebService):
    """RoomService and AgentDispatchService, as far as a trigger asks them."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms: dict[str, Room] = {}
        self.requests: Counter[str] = Counter()

    def make_app(self) -> web.Application:
        app = web.Application()
        for service, method, request, answer in (
            ("RoomService", "ListRooms", api.ListRoomsRequest, self._list_rooms),
            ("RoomService", "CreateRoom", api.CreateRoomRequest, self._create_room),
            ("RoomService", "DeleteRoom", api.DeleteRoomRequest, self._delete_room),
            ("RoomService", "ListParticipants", api.ListParticipantsRequest, self._list_participants),
            ("RoomService", "UpdateRoomMetadata", api.UpdateRoomMetadataRequest, self._update_room_metadata),
            ("RoomService", "UpdateParticipant", api.UpdateParticipantRequest, self._update_participant),
            ("AgentDispatchService", "CreateDispatch", api.CreateAgentDispatchRequest, self._create_dispatch),
            ("AgentDispatchService", "ListDispatch", api.ListAgentDispatchRequest, self._list_dispatch),
            ("AgentDispatchService", "DeleteDispatch", api.DeleteAgentDispatchRequest, self._delete_dispatch),
        ):
            app.router.add_post(f"/twirp/livekit.{service}/{method}", self._answering(method, request, answer))
        return app

    def _answering(self, method: str, kind: type[Message], answer: Callable[[Any], Message]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            self.requests[method] += 1
            asked = kind()
            asked.ParseFromString(await request.read())
            try:
                body = answer(asked).SerializeToString()
            except KeyError:
                return web.json_response({"code": "not_found", "msg": "no such room"}, status=404)
            return web.Response(body=body, content_type="application/protobuf")

        return handle

    def _list_rooms(self, asked: api.ListRoomsRequest) -> Message:
        rooms = {name: room for name, room in self.rooms.items() if not asked.names or name in set(asked.names)}
        return api.ListRoomsResponse(
            rooms=[api.Room(name=name, metadata=room.metadata) for name, room in rooms.items()]
        )

    def _create_room(self, asked: api.CreateRoomRequest) -> Message:
        self.rooms[asked.name] = Room(metadata=asked.metadata)
        return api.Room(name=asked.name)

    def _update_room_metadata(self, asked: api.UpdateRoomMetadataRequest) -> Message:
        self.rooms[asked.room].metadata = asked.metadata
        return api.Room(name=asked.room, metadata=asked.metadata)

    def _delete_room(self, asked: api.DeleteRoomRequest) -> Message:
        del self.rooms[asked.room]
        return api.DeleteRoomResponse()

    def _list_participants(self, asked: api.ListParticipantsRequest) -> Message:
        return api.ListParticipantsResponse(participants=self.rooms[asked.room].participants())

    def _update_participant(self, asked: api.UpdateParticipantRequest) -> Message:
        found = self.rooms[asked.room].evaluator
        if found is None:
            raise KeyError(asked.identity)
        found.attributes.update(asked.attributes)
        return found

    def _create_dispatch(self, asked: api.CreateAgentDispatchRequest) -> Message:
        # The same in a second crowd, which is sent the same requests.
        dispatch = f"AD_{asked.room}_{len(self.rooms[asked.room].dispatches)}"
        self.rooms[asked.room].dispatches[dispatch] = time.time()
        return api.AgentDispatch(id=dispatch, room=asked.room, agent_name=asked.agent_name)

    def _list_dispatch(self, asked: api.ListAgentDispatchRequest) -> Message:
        listed = [api.AgentDispatch(id=each) for each in self.rooms[asked.room].dispatches]
        for each in listed:
            each.state.jobs.append(Job(id=f"AJ_{each.id}"))
        return api.ListAgentDispatchResponse(agent_dispatches=listed)

    def _delete_dispatch(self, asked: api.DeleteAgentDispatchRequest) -> Message:
        del self.rooms[asked.room].dispatches[asked.dispatch_id]
        return api.AgentDispatch(id=asked.dispatch_id)


class SilentChannel(RoomChannel):
    """An evaluator that says nothing, and hears the agent's last words after a while."""

    def __init__(self, livekit: LiveKitService, seconds: float) -> None:
        # Without the superclass's: that one makes a native room for each.
        self.transcript: list[Utterance] = []
        self.agent_came = True
        self._began = time.monotonic()
        self._uses: list[ToolUse] = []
        self._tools = None
        self._livekit, self._seconds = livekit, seconds
        self._room = Room()

    async def join(self, url: str, token: str) -> Self:
        claims = jwt.decode(token, options={"verify_signature": False})
        self._room = self._livekit.rooms[claims["video"]["room"]]
        self._room.evaluator = ParticipantInfo(
            identity=claims["sub"], state=ParticipantInfo.State.ACTIVE, joined_at_ms=int(time.time() * 1000)
        )
        return self

    async def hear(self) -> str:
        await asyncio.sleep(self._seconds)
        return LAST_WORDS

    async def hang_up(self) -> None:
        self._room.evaluator = None


class RecordedLiveKit(LiveKitService):
    """The stand-in, recorded."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def make_app(self) -> web.Application:
        return self._recording.of(super().make_app(), "livekit")


class RecordedCekura(CekuraService):
    """The stand-in, recorded."""

    def __init__(self, recording: Recording, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._recording = recording

    def make_app(self) -> web.Application:
        return self._recording.of(super().make_app(), "cekura")


async def main(scenarios: int, seconds: float, file: Path) -> None:
    """Serve until standard input ends."""
    recording = Recording()
    talk = Scenario(name="Says nothing", talk=(Step(hear=LAST_WORDS),), patience=seconds + 60)
    talks = dict.fromkeys(range(1, scenarios + 1), talk)
    livekit = RecordedLiveKit(recording)
    cekura = RecordedCekura(recording, talks, make_voice_channel=lambda: SilentChannel(livekit, seconds))
    async with livekit, cekura:
        keys = {"LIVEKIT_API_KEY": "bench", "LIVEKIT_API_SECRET": secrets.token_hex(24)}
        print(json.dumps({"LIVEKIT_URL": f"ws://127.0.0.1:{livekit.port}", **keys, **cekura.environment}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        recording.write(file)
        print(json.dumps({"routes": recording.routes, "rooms_left": len(livekit.rooms)}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
