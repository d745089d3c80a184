"""LiveKit's server API on a room in memory: an agent hangs up, removes, lists and updates as on a server.

Answers and refusals are those of livekit-server 1.13.5 by itself, as the kit's tests compare them: it knows SIP, egress
and ingress only together with Redis and services of their own.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message
from livekit import api, rtc
from livekit.protocol import agent_dispatch, models
from livekit.protocol import room as protocol

from ..internals.rtc import info_of
from .caller import Caller
from .room import MemoryRoom

__tracebackhide__ = True

ALONE: Final = "a rehearsal is a server alone, without SIP, egress and ingress"
"""The reason of refusals, for users."""
_READING: Final = ("List", "Get")
"""First words of methods that change nothing."""

Handler = Callable[[Any], Awaitable[Message]]


@dataclass(frozen=True)
class ServerRequest:
    """A request of the agent's.

    Attributes:
        name: ``SERVICE.METHOD``, as in ``RoomService.DeleteRoom``.
        refusal: why it was refused; empty when it was not.
        is_unavailable: it was refused for want of a service beside the server.
        at: Unix seconds.
    """

    name: str
    refusal: str = ""
    is_unavailable: bool = False
    at: float = field(default_factory=time.time)

    @property
    def is_reading(self) -> bool:
        """True where it asked for no change."""
        return self.name.partition(".")[2].startswith(_READING)


class MemoryServer:
    """A server with the room of a rehearsal (`internals.api.Server`); other rooms that it creates stay empty.

    Args:
        room: the room.

    Attributes:
        requests: all requests, in order.
    """

    def __init__(self, room: MemoryRoom) -> None:
        self.requests: list[ServerRequest] = []
        self._room = room
        self._is_deleted = False
        self._others: dict[str, models.Room] = {}
        self._dispatches: dict[str, agent_dispatch.AgentDispatch] = {}
        self._ids = itertools.count(1)
        self._handlers: dict[str, Handler] = {
            "RoomService.CreateRoom": self._create_room,
            "RoomService.ListRooms": self._list_rooms,
            "RoomService.DeleteRoom": self._delete_room,
            "RoomService.UpdateRoomMetadata": self._update_room_metadata,
            "RoomService.ListParticipants": self._list_participants,
            "RoomService.GetParticipant": self._get_participant,
            "RoomService.RemoveParticipant": self._remove_participant,
            "RoomService.UpdateParticipant": self._update_participant,
            "RoomService.MutePublishedTrack": self._mute_published_track,
            "RoomService.UpdateSubscriptions": self._update_subscriptions,
            "RoomService.SendData": self._send_data,
            "AgentDispatchService.CreateDispatch": self._create_dispatch,
            "AgentDispatchService.ListDispatch": self._list_dispatch,
            "AgentDispatchService.DeleteDispatch": self._delete_dispatch,
            "SIP.TransferSIPParticipant": self._transfer_sip_participant,
        }

    async def request(self, service: str, method: str, message: Any) -> Message:
        """Return the answer to a request.

        Raises:
            ServerError: as a server refuses it.
        """
        name = f"{service}.{method}"
        handler = self._handlers.get(name)
        try:
            if handler is None:
                raise _unavailable(service, method)
            answer = await handler(message)
        except api.TwirpError as error:
            self.requests.append(ServerRequest(name, error.message, is_unavailable=handler is None))
            raise
        self.requests.append(ServerRequest(name))
        return answer

    # Rooms.

    async def _create_room(self, message: protocol.CreateRoomRequest) -> Message:
        if message.name == self._room.name and not self._is_deleted:
            return self._room_info()
        other = models.Room(sid=f"RM_{next(self._ids)}", name=message.name, metadata=message.metadata)
        return self._others.setdefault(message.name, other)

    async def _list_rooms(self, message: protocol.ListRoomsRequest) -> Message:
        rooms = [*([] if self._is_deleted else [self._room_info()]), *self._others.values()]
        return protocol.ListRoomsResponse(
            rooms=[room for room in rooms if not message.names or room.name in message.names]
        )

    async def _delete_room(self, message: protocol.DeleteRoomRequest) -> Message:
        if self._others.pop(message.room, None) is None:
            self._require_room(message.room)
            self._is_deleted = True
            await self._room.close()
        return protocol.DeleteRoomResponse()

    async def _update_room_metadata(self, message: protocol.UpdateRoomMetadataRequest) -> Message:
        self._require_room(message.room)
        self._room.set_metadata(message.metadata)
        return self._room_info()

    async def _send_data(self, message: protocol.SendDataRequest) -> Message:
        if self._is_deleted or message.room != self._room.name:
            raise _refusal("unavailable", "no response from servers", 503)
        identities = [*message.destination_identities, *self._identities(message.destination_sids)]
        self._room.send_data(message.data, topic=message.topic, identities=identities)
        return protocol.SendDataResponse()

    def _require_room(self, name: str) -> None:
        if self._is_deleted or name != self._room.name:
            raise _refusal("not_found", "requested room does not exist", 404)

    def _room_info(self) -> models.Room:
        number = len(self._participants())
        return models.Room(
            sid="RM_rehearsal", name=self._room.name, metadata=self._room.stored_metadata, num_participants=number
        )

    # Participants.

    async def _list_participants(self, message: protocol.ListParticipantsRequest) -> Message:
        participants = self._participants() if message.room == self._room.name else {}
        return protocol.ListParticipantsResponse(participants=map(_as_listed, participants.values()))

    async def _get_participant(self, message: protocol.RoomParticipantIdentity) -> Message:
        return _as_listed(self._participant(message))

    async def _remove_participant(self, message: protocol.RoomParticipantIdentity) -> Message:
        self._participant(message)
        removed = rtc.DisconnectReason.PARTICIPANT_REMOVED
        if (caller := self._caller(message.identity)) is not None:
            caller.leave(removed)
        else:
            await self._room.disconnect(reason=removed)
        return protocol.RemoveParticipantResponse()

    async def _update_participant(self, message: protocol.UpdateParticipantRequest) -> Message:
        participant = self._participant(message)
        if (caller := self._caller(message.identity)) is not None:
            caller.update(name=message.name, metadata=message.metadata, attributes=message.attributes)
        else:
            agent = self._room.local_participant
            if message.name:
                await agent.set_name(message.name)
            if message.metadata:
                await agent.set_metadata(message.metadata)
            if message.attributes:
                await agent.set_attributes(dict(message.attributes))
        return _as_listed(participant)

    async def _mute_published_track(self, message: protocol.MuteRoomTrackRequest) -> Message:
        self._participant(message)
        return protocol.MuteRoomTrackResponse()

    async def _update_subscriptions(self, message: protocol.UpdateSubscriptionsRequest) -> Message:
        self._participant(message)
        return protocol.UpdateSubscriptionsResponse()

    async def _transfer_sip_participant(self, message: Any) -> Message:
        raise _refusal("invalid_argument", "no SIP session associated with participant", 400)

    def _participants(self) -> dict[str, rtc.Participant]:
        """Return who is in the room, by identity."""
        if self._is_deleted:
            return {}
        present: dict[str, rtc.Participant] = {
            caller.identity: caller.participant for caller in self._room.callers if caller.present
        }
        if self._room.isconnected():
            present[self._room.agent_identity] = self._room.local_participant
        return present

    def _participant(self, message: Any) -> rtc.Participant:
        participants = self._participants() if message.room == self._room.name else {}
        if message.identity not in participants:
            raise _refusal("not_found", "participant does not exist", 404)
        return participants[message.identity]

    def _caller(self, identity: str) -> Caller | None:
        return next((each for each in self._room.callers if each.present and each.identity == identity), None)

    def _identities(self, sids: Any) -> list[str]:
        return [identity for identity, each in self._participants().items() if each.sid in sids]

    # Dispatches: nobody serves them.

    async def _create_dispatch(self, message: agent_dispatch.CreateAgentDispatchRequest) -> Message:
        dispatch = agent_dispatch.AgentDispatch(
            id=f"AD_{next(self._ids)}", agent_name=message.agent_name, room=message.room, metadata=message.metadata
        )
        self._dispatches[dispatch.id] = dispatch
        return dispatch

    async def _list_dispatch(self, message: agent_dispatch.ListAgentDispatchRequest) -> Message:
        dispatches = [
            each
            for each in self._dispatches.values()
            if each.room == message.room and message.dispatch_id in ("", each.id)
        ]
        return agent_dispatch.ListAgentDispatchResponse(agent_dispatches=dispatches)

    async def _delete_dispatch(self, message: agent_dispatch.DeleteAgentDispatchRequest) -> Message:
        if message.dispatch_id not in self._dispatches:
            raise _refusal("not_found", "dispatch not found", 404)
        return self._dispatches.pop(message.dispatch_id)


def _as_listed(participant: rtc.Participant) -> models.ParticipantInfo:
    """Return a participant as the server lists it."""
    kind: Any = rtc.ParticipantKind.Name(participant.kind).removeprefix("PARTICIPANT_KIND_")
    return models.ParticipantInfo(
        sid=participant.sid,
        identity=participant.identity,
        name=participant.name,
        metadata=participant.metadata,
        attributes=participant.attributes,
        state=info_of(participant).state,
        kind=kind,
    )


def _unavailable(service: str, method: str) -> Exception:
    """Return the refusal of a server that has none of the services beside it."""
    if service == "Egress" and method.startswith("Start"):
        error = _refusal("unavailable", "no response from servers", 503)
    elif service in ("SIP", "Egress", "Ingress"):
        error = _refusal("internal", f"{service.lower()} not connected (redis required)", 500)
    else:
        error = _refusal("unknown", "not implemented", 500)
    error.add_note(f"{ALONE}; leave the request out of a test: `if current_call() is None: …`")
    return error


def _refusal(code: str, message: str, status: int) -> Exception:
    return api.TwirpError(code, f"twirp error unknown: {message}", status=status)
