"""Between the caller and a session in text: words are held until they can be heard, both ways, and taken as turns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession, SpeechCreatedEvent, StopResponse, llm, utils
from livekit.agents.types import TOPIC_CHAT
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.io import TextOutput
from livekit.agents.voice.room_io import RoomIO, TextInputEvent

from .data_messages import SENDER_TIMEOUT, Packets, Words
from .internals import until_settled

if TYPE_CHECKING:
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

TWIN_WINDOW: Final = 2.0
"""Seconds within which a packet and a text stream with the same words are one message, sent in both ways."""
STREAM_TIMEOUT: Final = 10.0
"""Seconds for which a stream that was opened may stay unfinished; those behind it wait."""
_EVENTS: Final[tuple[Any, ...]] = ("participant_active", "participant_connected", "disconnected")
SPEECH_TIMEOUT: Final = 60.0
"""Seconds for which words wait for a speech that they did not interrupt."""


class Held(TextOutput):
    """A session's text output that holds the agent's words until a caller is there to hear them.

    The audio output of a session in voice waits for a subscriber; text output does not.

    Attributes:
        heard_at: when the last whole segment had gone out; 0 before the first.
    """

    def __init__(self, room_io: RoomIO, next_in_chain: TextOutput, said: Callable[[str], None]) -> None:
        super().__init__(label="cekura-kit", next_in_chain=next_in_chain)
        self.heard_at = 0.0
        self._next = next_in_chain
        self._room_io = room_io
        self._heard = asyncio.Event()
        self._said = said
        self._segment = ""
        self._changed = asyncio.Event()

    async def capture_text(self, text: str) -> None:
        """Pass the text on, once a caller is there."""
        await self._heard.wait()
        self._segment += text
        await self._next.capture_text(text)

    def flush(self) -> None:
        """End the segment."""
        self._next.flush()
        if self._segment:
            self.heard_at = time.monotonic()
            self._said(self._segment)
        self._segment = ""

    async def until_heard(self) -> None:
        """Open when the linked participant is active, or when the room is gone and nobody will ever be there."""
        room = self._room_io.room
        for event in _EVENTS:
            room.on(event, self._look_again)
        try:
            await self._room_io.wait_for_ready()
            while room.isconnected() and not _is_active(self._room_io.linked_participant):
                self._changed.clear()
                await self._changed.wait()
        finally:
            for event in _EVENTS:
                room.off(event, self._look_again)
            self._heard.set()

    def _look_again(self, *_: object) -> None:
        self._changed.set()


def _is_active(participant: rtc.RemoteParticipant | None) -> bool:
    return participant is not None and participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


class Inbox:
    """Takes the text streams of ``lk.chat`` in the place of their handler, and hands them on, in order.

    livekit-agents drops words whose sender has not been announced yet, words that come before a handler is there, and
    words that come before the session has started.
    """

    def __init__(self, job: JobUnderTest, ready: Callable[[RoomIO], Awaitable[object]]) -> None:
        self._until_ready = ready
        self._room = job.room
        self._register = self._room.register_text_stream_handler
        self._unregister = self._room.unregister_text_stream_handler
        self._handler: Callable[..., Any] | None = None
        self._handled = asyncio.Event()
        self._streams: asyncio.Queue[tuple[rtc.TextStreamReader | Words, str]] = asyncio.Queue()
        self._known = asyncio.Event()
        self._recent: deque[tuple[str, bool, float]] = deque(maxlen=20)
        self.arrivals: dict[str, float] = {}
        self.packets: Packets | None = None
        self._register(TOPIC_CHAT, self._arrived)
        # On this one room: other handlers of other topics, and other rooms, are not ours to touch.
        self._room.register_text_stream_handler = self._register_other  # type: ignore[method-assign]
        self._room.unregister_text_stream_handler = self._unregister_other  # type: ignore[method-assign]
        self._room.on("participant_connected", self._on_participant)
        job.start(self._hand_on(), "inbox")

    def _register_other(self, topic: str, handler: Callable[..., Any]) -> None:
        if topic != TOPIC_CHAT:
            self._register(topic, handler)
            return
        if self._handler is not None:
            raise ValueError(f"text stream handler for topic '{topic}' already set")
        self._handler = handler
        self._handled.set()

    def _unregister_other(self, topic: str) -> None:
        if topic != TOPIC_CHAT:
            self._unregister(topic)
            return
        self._handler = None
        self._handled.clear()

    def is_twin(self, text: str, *, stream: bool) -> bool:
        """Whether the same words came a moment ago in the other form, as text stream or packet."""
        now = time.monotonic()
        if any(text == t and s is not stream and now - at < TWIN_WINDOW for t, s, at in self._recent):
            return True
        self._recent.append((text, stream, now))
        return False

    def take(self, words: Words, identity: str) -> None:
        """Hand on words that came in another way than as a text stream."""
        self._arrived(words, identity)

    def _arrived(self, reader: rtc.TextStreamReader | Words, identity: str) -> None:
        self.arrivals[reader.info.stream_id] = time.monotonic()
        self._streams.put_nowait((reader, identity))

    def _on_participant(self, _participant: rtc.RemoteParticipant) -> None:
        self._known.set()

    async def _hand_on(self) -> None:
        while True:
            reader, identity = await self._streams.get()
            words = await self._whole(reader, identity)
            if words is None:
                continue
            await self._until_known(identity)
            handler = await self._ready_handler()
            try:
                handler(words, identity)
            except Exception:
                logger.exception("the handler of %s raised", TOPIC_CHAT)

    async def _whole(self, reader: rtc.TextStreamReader | Words, identity: str) -> Words | None:
        if isinstance(reader, Words):
            return reader
        try:
            async with asyncio.timeout(STREAM_TIMEOUT):
                words = Words(reader.info, await reader.read_all())
        except (TimeoutError, ConnectionError) as fault:
            logger.warning("words of %s were lost on their way: %s: %s", identity, type(fault).__name__, fault)
            return None
        if self.is_twin(words.text, stream=True):
            return None
        if self.packets:
            self.packets.in_kind = None
        return words

    async def _until_known(self, identity: str) -> None:
        try:
            async with asyncio.timeout(SENDER_TIMEOUT):
                while identity not in self._room.remote_participants:
                    self._known.clear()
                    await self._known.wait()
        except TimeoutError:
            logger.warning("words of %s waited %g s for it to be announced, in vain", identity, SENDER_TIMEOUT)

    async def _ready_handler(self) -> Callable[..., Any]:
        """The handler, once there is one whose session has started."""
        while True:
            await self._handled.wait()
            handler = self._handler
            owner = getattr(handler, "__self__", None)
            if isinstance(owner, RoomIO):
                await self._until_ready(owner)
            if handler is self._handler and handler is not None:
                return handler


class Turns:
    """What the caller writes, taken as a session takes what a caller says.

    Words interrupt a speech of which something was heard before they came: of several segments, a filler and an answer
    say, the first. Others were not said over it, and wait for its end, as all do where it does not allow interruptions.
    """

    def __init__(self, session: AgentSession[Any], inbox: Inbox, *, hook: bool, voice_instructions: bool) -> None:
        self.output: Held | None = None
        self._inbox = inbox
        self._session = session
        self._hook = hook
        self._modality: Any = "audio" if voice_instructions else "text"
        self._turn = asyncio.Lock()
        self._speeches: list[_Speech] = []
        session.on("speech_created", self._on_speech)

    async def take(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        """Answer the words; a session's ``text_input_cb``."""
        stream = event.info.stream_id if event.info else ""
        arrived = self._inbox.arrivals.pop(stream, None) or time.monotonic()
        async with self._turn:
            await self._until_free(session, arrived)
            if self._hook:
                await self._whole_turn(session, event.text)
            else:
                session.generate_reply(user_input=event.text, input_modality=self._modality)

    async def _until_free(self, session: AgentSession[Any], arrived: float) -> None:
        try:
            async with asyncio.timeout(SPEECH_TIMEOUT):
                while waited_for := self._not_interrupted(session, arrived):
                    await waited_for.wait_for_playout()
                    self._forget()
                while not await _interrupted(session):
                    if (speech := session.current_speech) is None:
                        break
                    await speech.wait_for_playout()
                    # A speech that is over is the present one for a moment more (livekit-agents 1.6.0).
                    await asyncio.sleep(0.01)
                await until_settled(session)
        except TimeoutError:
            logger.warning("words waited %g s for the agent to end its speech, in vain", SPEECH_TIMEOUT)
            await session.interrupt(force=True)

    def _not_interrupted(self, session: AgentSession[Any], arrived: float) -> SpeechHandle | None:
        """A speech of the present agent of which nothing had been heard when the words came."""
        heard_at = self.output.heard_at if self.output else 0.0
        for speech in self._speeches:
            # The speech of a tool that runs an AgentTask goes on until the task has its answers: not waited for.
            if speech.agent is session.current_agent and not speech.created <= heard_at <= arrived:
                return speech.handle
        return None

    def _on_speech(self, event: SpeechCreatedEvent) -> None:
        speech = _Speech(event.speech_handle, self._session.current_agent)
        self._speeches.append(speech)
        speech.handle.add_done_callback(lambda _: self._forget())

    def _forget(self) -> None:
        self._speeches = [speech for speech in self._speeches if not speech.handle.done()]

    async def _whole_turn(self, session: AgentSession[Any], text: str) -> None:
        """The turn as livekit-agents runs it for speech: see ``AgentActivity._user_turn_completed_task``."""
        agent = session.current_agent
        message = llm.ChatMessage(role="user", content=[text])
        chat_ctx: Any = NOT_GIVEN
        # An agent without a hook of its own needs no copy of its history, which grows with each turn.
        if getattr(agent.on_user_turn_completed, "__func__", None) is not Agent.on_user_turn_completed:
            chat_ctx = agent.chat_ctx.copy()
            try:
                await agent.on_user_turn_completed(chat_ctx, new_message=message)
            except StopResponse:
                return
            except Exception:
                # In voice the turn ends here too.
                logger.exception("error occurred during on_user_turn_completed")
                return
            await until_settled(session)
            if (successor := session.current_agent) is not agent:
                # The hook has handed over: the context that it was given is not that of the agent who answers.
                agent, chat_ctx = successor, NOT_GIVEN
        model = agent.llm if utils.is_given(agent.llm) else session.llm
        if model is None:
            return
        if isinstance(model, llm.RealtimeModel):
            # It keeps its own context; what the hook changed is dropped in voice too.
            chat_ctx = NOT_GIVEN
        session.generate_reply(user_input=message, chat_ctx=chat_ctx, input_modality=self._modality)


@dataclass(frozen=True)
class _Speech:
    handle: SpeechHandle
    agent: Agent
    created: float = field(default_factory=time.monotonic)


async def _interrupted(session: AgentSession[Any]) -> bool:
    """False where the present speech does not allow it."""
    try:
        await session.interrupt()
    except RuntimeError:
        return False
    return True
