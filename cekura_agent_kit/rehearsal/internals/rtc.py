"""Participants, packets and publications of `livekit.rtc` without its native client.

Touched, checked on livekit 1.1.8 to 1.1.21:

- ``Participant._info``, ``Room._info``: what every public property of a participant or room reads.
- constructors of `LocalParticipant`, `RemoteParticipant`, `LocalTrackPublication`: each is given a protobuf message
with
  a native handle. Handle 0 is livekit's own mark for "no handle": nothing is released for it.
- ``LocalTrackPublication._track``.
- ``EventEmitter._events``: the callbacks registered for an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit import rtc
from livekit.rtc._proto import handle_pb2, participant_pb2, track_pb2
from livekit.rtc._utils import BroadcastQueue

_NO_HANDLE = 0


def participant_info(
    identity: str, *, sid: str, name: str, kind: int, state: int, metadata: str, attributes: Mapping[str, str]
) -> Any:
    """Return a ParticipantInfo as the server announces it."""
    return participant_pb2.ParticipantInfo(
        sid=sid,
        identity=identity,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        metadata=metadata,
        attributes=dict(attributes),
    )


def remote_participant(info: Any) -> rtc.RemoteParticipant:
    """Return a participant with that info and no handle."""
    return rtc.RemoteParticipant(_owned(info))


def init_local_participant(participant: rtc.LocalParticipant, info: Any) -> None:
    """Run the constructor of `rtc.LocalParticipant`, with a queue of native events that stays empty."""
    rtc.LocalParticipant.__init__(participant, BroadcastQueue(), _owned(info))


def _owned(info: Any) -> Any:
    return participant_pb2.OwnedParticipant(handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE), info=info)


def info_of(participant: rtc.Participant) -> Any:
    """Return the participant's own info, which may be changed in place."""
    return participant._info


def room_info(room: rtc.Room) -> Any:
    """Return the room's own info, which may be changed in place."""
    return room._info


def has_listeners(room: rtc.Room, event: str) -> bool:
    """Return whether a callback is registered for the event."""
    return bool(room._events.get(event))  # type: ignore[call-overload]


def change_attributes(participant: rtc.Participant, attributes: Mapping[str, str]) -> dict[str, str]:
    """Change a participant's attributes as the server does.

    Args:
        participant: its info is changed.
        attributes: new values; an empty one removes its key.

    Returns:
        What differs from before.
    """
    own = participant._info.attributes
    changed = {key: value for key, value in attributes.items() if own.get(key, "") != value}
    for key, value in changed.items():
        if value:
            own[key] = value
        else:
            own.pop(key)
    return changed


def data_packet(data: bytes, participant: rtc.RemoteParticipant | None, topic: str) -> rtc.DataPacket:
    """Return a reliable packet as `data_received` has it; the participant is None for a sender not yet announced."""
    return rtc.DataPacket(data=data, kind=rtc.DataPacketKind.KIND_RELIABLE, participant=participant, topic=topic)


def local_publication(track: rtc.Track, sid: str) -> rtc.LocalTrackPublication:
    """Return the publication of a local track, without a server."""
    owned_publication = track_pb2.OwnedTrackPublication(
        handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE),
        info=track_pb2.TrackPublicationInfo(sid=sid, name=track.name, kind=track.kind),
    )
    publication = rtc.LocalTrackPublication(owned_publication)
    publication._track = track
    return publication
