"""Every private name of livekit and livekit-agents that a rehearsal touches.

Each says what it is for, since when it is so, and what happens when it is gone. Checked on livekit-agents 1.6.0 to
1.8.9 with livekit 1.1.8 to 1.1.21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit import rtc
from livekit.rtc._proto import handle_pb2, participant_pb2, track_pb2
from livekit.rtc._utils import BroadcastQueue

# A participant of the native side is a handle and a ParticipantInfo. Handle 0 is livekit's own mark for "no handle":
# nothing is released for it. `Participant._info` is read by every public property of a participant. The same in all
# versions checked; were they to change, a room in memory could not be made, with an AttributeError or TypeError here.
_NO_HANDLE = 0


def participant_info(
    identity: str, *, sid: str, name: str, kind: int, state: int, metadata: str, attributes: Mapping[str, str]
) -> Any:
    """A ParticipantInfo as the server announces it."""
    return participant_pb2.ParticipantInfo(
        sid=sid,
        identity=identity,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        metadata=metadata,
        attributes=dict(attributes),
    )


def owned(info: Any) -> Any:
    """The participant of that info, without a handle, as participants' constructors take it."""
    return participant_pb2.OwnedParticipant(handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE), info=info)


def info_of(participant: rtc.Participant) -> Any:
    """The participant's own info, to be changed in place."""
    return participant._info


def room_info(room: rtc.Room) -> Any:
    """The room's info: name, sid, metadata. Since ever; `JobContext`'s own runner writes the name there too."""
    return room._info


def local_publication(track: rtc.Track, sid: str) -> rtc.LocalTrackPublication:
    """The publication of a local track that no server has."""
    owned_publication = track_pb2.OwnedTrackPublication(
        handle=handle_pb2.FfiOwnedHandle(id=_NO_HANDLE),
        info=track_pb2.TrackPublicationInfo(sid=sid, name=track.name, kind=track.kind),
    )
    publication = rtc.LocalTrackPublication(owned_publication)
    publication._track = track
    return publication


def init_local_participant(participant: rtc.LocalParticipant, info: Any) -> None:
    """Run the constructor of `rtc.LocalParticipant`, whose first argument is a queue of native events: none come."""
    rtc.LocalParticipant.__init__(participant, BroadcastQueue(), owned(info))


def change_attributes(participant: rtc.Participant, attributes: Mapping[str, str]) -> dict[str, str]:
    """Change a participant's attributes as the server does; an empty value removes its key. Gives what changed."""
    own = participant._info.attributes
    changed = {key: value for key, value in attributes.items() if own.get(key, "") != value}
    for key, value in changed.items():
        if value:
            own[key] = value
        else:
            own.pop(key)
    return changed


def data_packet(data: bytes, participant: rtc.RemoteParticipant | None, topic: str) -> rtc.DataPacket:
    """A reliable packet as `data_received` hands it out."""
    return rtc.DataPacket(data=data, kind=rtc.DataPacketKind.KIND_RELIABLE, participant=participant, topic=topic)
