"""LiveKit's server API on the room in memory answers as a real server: each test runs on both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from livekit import api, rtc

from .worlds import PATIENCE, Guest, World, eventually, record


def identity_in(world: World, identity: str = "caller") -> api.RoomParticipantIdentity:
    return api.RoomParticipantIdentity(room=world.room.name, identity=identity)


async def test_participants_are_listed(world: World) -> None:
    await world.connect()
    await world.join("caller")
    async with world.api() as livekit:
        room = world.room.name
        listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
        states, kinds = api.ParticipantInfo.State, api.ParticipantInfo.Kind
        assert {each.identity: (each.state, each.kind) for each in listed.participants} == {
            "agent": (states.ACTIVE, kinds.AGENT),
            "caller": (states.ACTIVE, kinds.STANDARD),
        }
        assert (await livekit.room.get_participant(identity_in(world))).identity == "caller"
        elsewhere = await livekit.room.list_participants(api.ListParticipantsRequest(room="elsewhere"))
        assert list(elsewhere.participants) == []
        rooms = await livekit.room.list_rooms(api.ListRoomsRequest(names=[room, "elsewhere"]))
        assert [each.name for each in rooms.rooms] == [room]


async def test_a_participant_is_removed(world: World) -> None:
    await world.connect()
    await world.join("caller")
    caller = world.room.remote_participants["caller"]
    left = record(world.room, "participant_disconnected")
    async with world.api() as livekit:
        await livekit.room.remove_participant(identity_in(world))
    await eventually(lambda: left == [("participant_disconnected", caller)])


async def test_the_agent_is_removed(world: World) -> None:
    await world.connect()
    seen = record(world.room, "disconnected")
    async with world.api() as livekit:
        await livekit.room.remove_participant(identity_in(world, "agent"))
    await eventually(lambda: seen == [("disconnected", rtc.DisconnectReason.PARTICIPANT_REMOVED)])
    assert not world.room.isconnected()


async def test_a_room_is_deleted_once(world: World) -> None:
    await world.connect()
    await world.join("caller")
    seen = record(world.room, "disconnected", "participant_disconnected")
    async with world.api() as livekit:
        await livekit.room.delete_room(api.DeleteRoomRequest(room=world.room.name))
        await eventually(lambda: seen == [("disconnected", rtc.DisconnectReason.ROOM_DELETED)])
        with pytest.raises(api.TwirpError) as refused:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=world.room.name))
        assert (refused.value.code, refused.value.status) == ("not_found", 404)
        listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=world.room.name))
        assert list(listed.participants) == []


async def test_another_room_is_made_and_deleted(world: World) -> None:
    await world.connect()
    async with world.api() as livekit:
        name = f"beside-{world.room.name}"
        made = await livekit.room.create_room(api.CreateRoomRequest(name=name, metadata="beside"))
        assert (made.name, made.metadata) == (name, "beside")
        listed = await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))
        assert [each.name for each in listed.rooms] == [name]
        await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
        assert (await livekit.room.create_room(api.CreateRoomRequest(name=world.room.name))).name == world.room.name
    assert world.room.isconnected()


async def test_the_rooms_metadata_are_updated(world: World) -> None:
    await world.connect()
    changes = record(world.room, "room_metadata_changed")
    async with world.api() as livekit:
        await livekit.room.update_room_metadata(
            api.UpdateRoomMetadataRequest(room=world.room.name, metadata="closed for today")
        )
    await eventually(lambda: changes == [("room_metadata_changed", "", "closed for today")])
    assert world.room.metadata == "closed for today"


async def test_a_participant_is_updated(world: World) -> None:
    await world.connect()
    await world.join("caller")
    caller = world.room.remote_participants["caller"]
    changes = record(world.room, "participant_attributes_changed")
    async with world.api() as livekit:
        updated = await livekit.room.update_participant(
            api.UpdateParticipantRequest(
                room=world.room.name, identity="caller", name="Ann", metadata="regular", attributes={"tier": "gold"}
            )
        )
        assert (updated.name, updated.metadata, updated.attributes["tier"]) == ("Ann", "regular", "gold")
        await eventually(lambda: ("participant_attributes_changed", {"tier": "gold"}, caller) in changes)
        assert (caller.name, caller.metadata, caller.attributes["tier"]) == ("Ann", "regular", "gold")
        await livekit.room.update_participant(
            api.UpdateParticipantRequest(room=world.room.name, identity="caller", attributes={"tier": ""})
        )
        await eventually(lambda: ("participant_attributes_changed", {"tier": ""}, caller) in changes)
        assert "tier" not in caller.attributes
        await livekit.room.update_participant(
            api.UpdateParticipantRequest(room=world.room.name, identity="agent", attributes={"desk": "1"})
        )
    await eventually(lambda: world.room.local_participant.attributes.get("desk") == "1")


def sent(guest: Guest) -> list[tuple[str, bytes]]:
    return [(topic, data) for topic, data in guest.packets if topic == "t"]


async def test_data_is_sent_to_all_or_to_some(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")
    packets = record(world.room, "data_received")
    async with world.api() as livekit:
        room = world.room.name
        # The server drops packets for a participant whose data channel is not open yet.
        async with asyncio.timeout(PATIENCE):
            while not (packets and guest.packets):
                await livekit.room.send_data(api.SendDataRequest(room=room, data=b"open?", topic="open"))
                await asyncio.sleep(0.02)
        await livekit.room.send_data(
            api.SendDataRequest(room=room, data=b"for one", topic="t", destination_identities=["caller"])
        )
        await livekit.room.send_data(api.SendDataRequest(room=room, data=b"for all", topic="t"))
    await eventually(lambda: any(packet.topic == "t" for _, packet in packets) and len(sent(guest)) == 2)
    assert sorted(sent(guest)) == [("t", b"for all"), ("t", b"for one")]
    (packet,) = [packet for _, packet in packets if packet.topic == "t"]
    assert (packet.data, packet.topic, packet.participant) == (b"for all", "t", None)


async def test_a_dispatch_that_nobody_serves(world: World) -> None:
    await world.connect()
    async with world.api() as livekit:
        room = world.room.name
        made = await livekit.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(room=room, agent_name="second", metadata="m")
        )
        assert (made.agent_name, made.room, made.metadata) == ("second", room, "m")
        listed = await livekit.agent_dispatch.list_dispatch(room)
        assert made.id in [each.id for each in listed]


Ask = Callable[[api.LiveKitAPI, World], Any]

REFUSED: dict[str, tuple[Ask, str, str]] = {
    "a participant that is not there": (
        lambda livekit, world: livekit.room.remove_participant(identity_in(world, "nobody")),
        "not_found",
        "participant does not exist",
    ),
    "a participant of a room that is not there": (
        lambda livekit, world: livekit.room.get_participant(api.RoomParticipantIdentity(room="x", identity="agent")),
        "not_found",
        "participant does not exist",
    ),
    "an update of nobody": (
        lambda livekit, world: livekit.room.update_participant(
            api.UpdateParticipantRequest(room=world.room.name, identity="nobody", metadata="m")
        ),
        "not_found",
        "participant does not exist",
    ),
    "a room that is not there": (
        lambda livekit, world: livekit.room.delete_room(api.DeleteRoomRequest(room="elsewhere")),
        "not_found",
        "requested room does not exist",
    ),
    "metadata of a room that is not there": (
        lambda livekit, world: livekit.room.update_room_metadata(
            api.UpdateRoomMetadataRequest(room="elsewhere", metadata="m")
        ),
        "not_found",
        "requested room does not exist",
    ),
    "a call by SIP": (
        lambda livekit, world: livekit.sip.create_sip_participant(
            api.CreateSIPParticipantRequest(
                room_name=world.room.name, sip_trunk_id="ST_x", sip_call_to="+123", participant_identity="phone"
            )
        ),
        "internal",
        "sip not connected (redis required)",
    ),
    "a transfer by SIP": (
        lambda livekit, world: livekit.sip.transfer_sip_participant(
            api.TransferSIPParticipantRequest(
                room_name=world.room.name, participant_identity="caller", transfer_to="tel:+123"
            )
        ),
        "invalid_argument",
        "no SIP session associated with participant",
    ),
    "the list of recordings": (
        lambda livekit, world: livekit.egress.list_egress(api.ListEgressRequest(room_name=world.room.name)),
        "internal",
        "egress not connected (redis required)",
    ),
    "an ingress": (
        lambda livekit, world: livekit.ingress.list_ingress(api.ListIngressRequest()),
        "internal",
        "ingress not connected (redis required)",
    ),
    "a recording": (
        lambda livekit, world: livekit.egress.start_room_composite_egress(
            api.RoomCompositeEgressRequest(room_name=world.room.name)
        ),
        "unavailable",
        "no response from servers",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_a_server_alone_refuses(world: World, what: str) -> None:
    ask, code, message = REFUSED[what]
    await world.connect()
    await world.join("caller")
    async with world.api() as livekit:
        with pytest.raises(api.TwirpError) as refused:
            await ask(livekit, world)
    assert refused.value.code == code
    assert message in refused.value.message
