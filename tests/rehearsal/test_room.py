"""The room in memory does what the real one does: each test runs on both."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from livekit import rtc

from cekura_agent_kit.rehearsal.room.room import MemoryRoom

from .worlds import World, eventually, record, record_texts


async def test_who_was_there_before_the_agent_comes_without_an_event(world: World) -> None:
    joined = record(world.room, "participant_connected", "participant_active")
    assert not world.room.isconnected()
    await world.join("early")
    await world.connect()
    await eventually(lambda: "early" in world.room.remote_participants)
    early = world.room.remote_participants["early"]
    assert early.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
    assert early.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
    assert world.room.isconnected()
    assert world.room.local_participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    assert joined == []


async def test_the_local_participant_is_refused_before_connecting(world: World) -> None:
    with pytest.raises(Exception, match="cannot access local participant before connecting"):
        _ = world.room.local_participant


async def test_connecting_is_told_by_an_event_that_comes_later(world: World) -> None:
    states = record(world.room, "connection_state_changed")
    await world.connect()
    assert states == []
    await eventually(lambda: states == [("connection_state_changed", rtc.ConnectionState.CONN_CONNECTED)])


async def test_one_who_joins_is_known_then_active(world: World) -> None:
    await world.connect()
    seen = record(world.room, "participant_connected", "participant_active")
    await world.join("caller")
    await eventually(lambda: ("participant_active", world.room.remote_participants.get("caller")) in seen)
    caller = world.room.remote_participants["caller"]
    assert caller.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
    assert seen == [("participant_connected", caller), ("participant_active", caller)]


async def test_words_and_packets_of_one_not_yet_announced_arrive(world: World) -> None:
    await world.connect()
    texts = record_texts(world.room, "lk.chat")
    packets = record(world.room, "data_received")
    guest = await world.join("caller", announced=False)
    await guest.send_text("early words", "lk.chat")
    await guest.send_data(b"early packet", "x")
    await eventually(lambda: texts == [("caller", "early words")] and packets)
    assert "caller" not in world.room.remote_participants
    (_, packet) = packets[0]
    assert (packet.data, packet.topic, packet.participant) == (b"early packet", "x", None)
    await world.announce("caller")
    await guest.send_data(b"later", "x")
    await eventually(lambda: len(packets) == 2)
    assert packets[1][1].participant is world.room.remote_participants["caller"]


async def test_texts_keep_their_order(world: World) -> None:
    await world.connect()
    texts = record_texts(world.room, "lk.chat")
    guest = await world.join("caller")
    words = [f"line {number}" for number in range(20)]
    for word in words:
        await guest.send_text(word, "lk.chat")
    await eventually(lambda: texts == [("caller", word) for word in words])


async def test_one_handler_a_topic(world: World) -> None:
    await world.connect()
    world.room.register_text_stream_handler("lk.chat", lambda reader, identity: None)
    with pytest.raises(ValueError, match=r"text stream handler for topic 'lk\.chat' already set"):
        world.room.register_text_stream_handler("lk.chat", lambda reader, identity: None)
    world.room.unregister_text_stream_handler("lk.chat")
    world.room.register_text_stream_handler("lk.chat", lambda reader, identity: None)
    world.room.unregister_text_stream_handler("never set")


async def test_a_text_without_handler_is_dropped(world: World) -> None:
    await world.connect()
    texts = record_texts(world.room, "lk.chat")
    guest = await world.join("caller")
    await guest.send_text("nobody reads this", "elsewhere")
    await guest.send_text("this is read", "lk.chat")
    await eventually(lambda: texts == [("caller", "this is read")])


async def test_what_is_sent_reaches_those_who_are_there(world: World) -> None:
    await world.connect()
    await world.room.local_participant.send_text("too early", topic="notes")
    one, other = await world.join("one"), await world.join("other")
    me = world.room.local_participant
    writer = await me.stream_text(topic="lk.transcription", attributes={"a": "1"}, sender_identity="one")
    await writer.write("hello ")
    await writer.write("there")
    await writer.aclose(attributes={"b": "2"})
    await me.send_text("for one", topic="notes", destination_identities=["one"])
    bytes_for_one = await me.stream_bytes("bytes", topic="x", destination_identities=["one"])
    await bytes_for_one.write(b"\x80 not text")
    await bytes_for_one.aclose()
    await me.publish_data("raw", topic="x", destination_identities=["one"])
    await me.send_text("for all", topic="notes")
    await eventually(
        lambda: ("notes", "agent", "for all") in one.texts and ("notes", "agent", "for all") in other.texts
    )
    await eventually(lambda: one.packets and one.byte_streams)
    said, for_one = ("lk.transcription", "one", "hello there"), ("notes", "agent", "for one")
    assert sorted(one.texts) == sorted([said, for_one, ("notes", "agent", "for all")])
    assert sorted(other.texts) == sorted([said, ("notes", "agent", "for all")])
    assert (one.packets, other.packets) == ([("x", b"raw")], [])
    assert (one.byte_streams, other.byte_streams) == ([("x", b"\x80 not text")], [])


async def test_a_stream_is_written_until_it_is_closed(world: World) -> None:
    await world.connect()
    writer = await world.room.local_participant.stream_text(topic="notes")
    assert writer.info.topic == "notes"
    await writer.aclose()
    with pytest.raises(RuntimeError, match="after stream is closed"):
        await writer.write("more")
    with pytest.raises(RuntimeError, match="Stream already closed"):
        await writer.aclose()


async def test_own_attributes_are_set_when_the_call_returns_and_told(world: World) -> None:
    await world.connect()
    changes = record(world.room, "participant_attributes_changed")
    me = world.room.local_participant
    await me.set_attributes({"mode": "text", "proof": "none"})
    await eventually(lambda: changes == [("participant_attributes_changed", {"mode": "text", "proof": "none"}, me)])
    await me.set_attributes({"proof": ""})
    await eventually(lambda: len(changes) == 2)
    assert me.attributes == {"mode": "text"}
    assert changes[1] == ("participant_attributes_changed", {"proof": ""}, me)


async def test_a_guests_attributes_are_told(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")
    changes = record(world.room, "participant_attributes_changed")
    await guest.set_attributes({"tier": "gold"})
    caller = world.room.remote_participants["caller"]
    await eventually(lambda: ("participant_attributes_changed", {"tier": "gold"}, caller) in changes)
    assert caller.attributes["tier"] == "gold"


async def test_one_who_leaves_is_gone_with_a_reason(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")
    left = record(world.room, "participant_disconnected")
    caller = world.room.remote_participants["caller"]
    await guest.leave()
    await eventually(lambda: left == [("participant_disconnected", caller)])
    assert caller.disconnect_reason == rtc.DisconnectReason.CLIENT_INITIATED
    assert "caller" not in world.room.remote_participants


async def test_a_deleted_room_disconnects_the_agent_and_reports_nobody_as_left(world: World) -> None:
    await world.connect()
    await world.join("caller")
    seen = record(world.room, "connection_state_changed", "disconnected", "participant_disconnected")
    await world.end()
    await eventually(lambda: ("disconnected", rtc.DisconnectReason.ROOM_DELETED) in seen)
    states = [event for event in seen if event[0] == "connection_state_changed"]
    assert states[-1] == ("connection_state_changed", rtc.ConnectionState.CONN_DISCONNECTED)
    assert not [event for event in seen if event[0] == "participant_disconnected"]
    assert not world.room.isconnected()
    assert "caller" in world.room.remote_participants
    with pytest.raises(ConnectionError):
        await world.room.local_participant.send_text("anybody?", topic="notes")


async def test_callbacks_have_run_when_disconnect_returns(world: World) -> None:
    await world.connect()
    await eventually(lambda: world.room.isconnected())
    seen = record(world.room, "disconnected")
    await world.room.disconnect()
    assert not world.room.isconnected()
    told = list(seen)
    # livekit does not always tell its own disconnect: when its state changed first, nothing is said.
    if told or isinstance(world.room, MemoryRoom):
        assert told == [("disconnected", rtc.DisconnectReason.CLIENT_INITIATED)]
    await world.room.disconnect()
    assert seen == told


async def test_callbacks_run_in_the_context_of_connect(world: World) -> None:
    where = contextvars.ContextVar("where", default="nowhere")
    seen: list[str] = []
    world.room.on("participant_connected", lambda participant: seen.append(where.get()))
    where.set("at connect")
    await world.connect()
    where.set("later")
    await world.join("caller")
    await eventually(lambda: seen == ["at connect"])


async def test_a_callback_that_fails_stops_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.connect()

    def fail(packet: rtc.DataPacket) -> None:
        raise KeyError("a bug of the agent")

    world.room.on("data_received", fail)
    packets = record(world.room, "data_received")
    guest = await world.join("caller")
    await guest.send_data(b"one", "")
    await guest.send_data(b"two", "")
    await eventually(lambda: len(packets) == 2)
    assert "a bug of the agent" in caplog.text


async def test_an_unknown_method_is_refused(world: World) -> None:
    await world.connect()
    await world.join("caller")
    with pytest.raises(rtc.RpcError) as refused:
        await world.room.local_participant.perform_rpc(destination_identity="caller", method="zoom", payload="")
    assert refused.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD


PATIENCE = 10.0


async def test_the_agent_calls_a_method_of_a_guest(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")

    async def locate(invocation: rtc.RpcInvocationData) -> str:
        return f"{invocation.caller_identity} asked for {invocation.payload}"

    guest.register_rpc_method("locate", locate)
    me = world.room.local_participant
    answer = await me.perform_rpc(destination_identity="caller", method="locate", payload="the city")
    assert answer == "agent asked for the city"
    with pytest.raises(rtc.RpcError) as refused:
        await me.perform_rpc(destination_identity="nobody", method="locate", payload="", response_timeout=PATIENCE)
    assert refused.value.code == rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT


async def test_a_guest_calls_a_method_of_the_agents(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")
    me = world.room.local_participant

    @me.register_rpc_method("start_turn")  # type: ignore[arg-type]
    async def start_turn(invocation: rtc.RpcInvocationData) -> str:
        return f"{invocation.caller_identity} may speak {invocation.payload}"

    me.register_rpc_method("plain", lambda invocation: "at once")
    assert await guest.perform_rpc("start_turn", "now", PATIENCE) == "caller may speak now"
    assert await guest.perform_rpc("plain", "", PATIENCE) == "at once"
    me.unregister_rpc_method("plain")
    with pytest.raises(rtc.RpcError) as refused:
        await guest.perform_rpc("plain", "", PATIENCE)
    assert refused.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD


async def test_what_a_method_raises_reaches_the_guest(world: World) -> None:
    await world.connect()
    guest = await world.join("caller")

    async def own(invocation: rtc.RpcInvocationData) -> str:
        raise rtc.RpcError(1234, "not today", "data")

    async def other(invocation: rtc.RpcInvocationData) -> str:
        raise ZeroDivisionError

    async def late(invocation: rtc.RpcInvocationData) -> str:
        await asyncio.Event().wait()
        return ""

    for name, handler in {"own": own, "other": other, "late": late}.items():
        world.room.local_participant.register_rpc_method(name, handler)
    codes = {}
    for name, timeout in (("own", PATIENCE), ("other", PATIENCE), ("late", 1.0)):
        with pytest.raises(rtc.RpcError) as raised:
            await guest.perform_rpc(name, "", timeout)
        codes[name] = (raised.value.code, raised.value.message)
    known = rtc.RpcError.ErrorCode
    assert codes["own"] == (1234, "not today")
    assert codes["other"][0] == known.APPLICATION_ERROR
    assert codes["late"][0] == known.RESPONSE_TIMEOUT


async def test_a_published_track_is_listed(world: World) -> None:
    await world.connect()
    source = rtc.AudioSource(24000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("music", source)
    me = world.room.local_participant
    publication = await me.publish_track(track, rtc.TrackPublishOptions())
    assert [each.name for each in me.track_publications.values()] == ["music"]
    assert publication.kind == rtc.TrackKind.KIND_AUDIO
    await me.unpublish_track(publication.sid)
    assert not me.track_publications
    await source.aclose()
