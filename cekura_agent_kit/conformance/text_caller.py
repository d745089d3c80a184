"""Evaluator of a conformance check in text: it writes streams and packets, and receives both."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc

from ..sandbox.channels.channel import ChannelClosed
from ..sandbox.channels.text import TextChannel


class TextCaller(TextChannel):
    """A channel in text that also sends and receives data packets.

    Attributes:
        packets: topic and text of each packet so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[tuple[str, str]] = []
        self._packet_came = asyncio.Event()
        self.room.on("data_received", self._on_packet)

    async def send_packet(self, data: str, topic: str) -> None:
        """Send a data packet, reliably."""
        await self.room.local_participant.publish_data(data, reliable=True, topic=topic)

    async def asks(self, words: str, *, within: float) -> str | None:
        """Send the words as a text stream, and return the answer; None if there is none."""
        try:
            await self.say(words)
            async with asyncio.timeout(within):
                return await self.hear()
        except (TimeoutError, ChannelClosed):
            return None

    async def packet(self, wanted: Callable[[str, str], bool], *, after: int, within: float) -> str | None:
        """Wait for a packet.

        Args:
            wanted: called with topic and text of each.
            after: number of packets that came before, and do not count.
            within: seconds.

        Returns:
            Its text; None if none came.
        """
        deadline = time.monotonic() + within
        while True:
            found = next((text for topic, text in self.packets[after:] if wanted(topic, text)), None)
            if found is not None or time.monotonic() >= deadline:
                return found
            self._packet_came.clear()
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                    await self._packet_came.wait()
            except TimeoutError:
                continue

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant
        if sender is None or sender.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return
        self.packets.append((packet.topic or "", packet.data.decode(errors="replace")))
        self._packet_came.set()


def older_chat(text: str, **more: Any) -> str:
    """Return a message of LiveKit's older chat."""
    return json.dumps({"id": "check-agent", "timestamp": int(time.time() * 1000), "message": text, **more})
