"""Rooms that were left: nothing refers to them, so that their threads and file descriptors are free at once."""

from __future__ import annotations

import gc
import weakref

import pytest
from livekit import rtc

from cekura_agent_kit.room_handlers import RoomHandlers
from cekura_agent_kit.sandbox.channels.text import TextChannel
from cekura_agent_kit.trigger.progress import Event, Finished
from cekura_agent_kit.trigger.rooms.witness import Witness
from tests.trigger.bench import HELLO, Bench


async def test_a_room_without_its_handlers_is_free_at_once() -> None:
    class Listener:
        def __init__(self) -> None:
            self.room = rtc.Room()
            self.handlers = RoomHandlers(self.room)
            self.handlers.on("disconnected", self.hear)
            self.handlers.on_text("topic", lambda _reader, _sender: self.hear())

        def hear(self, *_: object) -> None: ...

    listener = Listener()
    room = weakref.ref(listener.room)
    gc.disable()
    try:
        listener.handlers.remove()
        del listener
        assert room() is None
    finally:
        gc.enable()


@pytest.mark.server
@pytest.mark.xdist_group("trigger")
async def test_a_suite_keeps_neither_the_witness_nor_the_evaluator_of_a_run_that_is_over(bench: Bench) -> None:
    # Those of earlier tests are held here, so that none of them is counted.
    earlier = [each for each in gc.get_objects() if type(each) in (Witness, TextChannel)]
    kept: list[tuple[int, int]] = []

    def count(event: Event) -> None:
        if isinstance(event, Finished):
            known = set(map(id, earlier))
            found = [type(each) for each in gc.get_objects() if id(each) not in known]
            kept.append((found.count(Witness), found.count(TextChannel)))

    outcome = await bench.run(bench.suite({"scenario": HELLO, "repeat": 4}, concurrency=1), on_event=count)

    assert outcome.kinds == ["passed"] * 4, outcome.reasons
    # The next run may have begun before a verdict is read.
    assert max(max(each) for each in kept) <= 2, kept
