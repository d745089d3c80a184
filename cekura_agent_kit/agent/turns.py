"""Turns of a session in text: when a message becomes a turn, and which form its answer takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from livekit.agents import (
    NOT_GIVEN,
    Agent,
    AgentSession,
    ConversationItemAddedEvent,
    SpeechCreatedEvent,
    StopResponse,
    llm,
    utils,
)
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.room_io import TextInputEvent

from ..chat import ChatPacket
from .inbox import Inbox, Message
from .internals.framework import on_enter_task, wait_until_settled
from .outbox import Outbox

logger = logging.getLogger("cekura_agent_kit")

SPEECH_TIMEOUT: Final = 60.0
"""Seconds for which a message waits for a speech that it does not interrupt."""
ENTER_SECONDS: Final = 0.3
"""Seconds in which an agent that has just taken over may speak before a message is answered: many greet then."""


MAX_WAITING: Final = 50
"""Messages that wait for their turn; of more, the oldest are dropped: the latest are what the caller wants to know."""


class Turns:
    """Messages of the caller, answered as a session answers what a caller says.

    A message interrupts a speech of which something was heard before the message came: of several segments, a filler
    and an answer for example, the first. It was not written over any other speech, and waits for its end. So it does
    for a speech that does not allow interruptions.

    Attributes:
        outbox: the session's text output; None before its RoomIO has started.
    """

    def __init__(self, session: AgentSession[Any], inbox: Inbox, *, hook: bool, voice_instructions: bool) -> None:
        self.outbox: Outbox | None = None
        self._session = session
        self._inbox = inbox
        self._hook = hook
        self._modality: Any = "audio" if voice_instructions else "text"
        self._one_at_a_time = asyncio.Lock()
        self._waiting: deque[asyncio.Task[Any] | None] = deque()
        self._flooded = False
        self._speeches: list[_Speech] = []
        self._message: Message | None = None
        self._entered: Agent | None = None
        self._closed = False
        self._changed = asyncio.Event()
        session.on("speech_created", self._on_speech)
        session.on("conversation_item_added", self._on_item)
        session.on("close", self._on_close)

    async def answer(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        """Answer a message; a session's ``text_input_cb``."""
        message = self._inbox.message_of(event.info, event.text)
        await self._wait_for_turn()
        try:
            await self._take_turn(session, event, message)
        finally:
            self._one_at_a_time.release()

    async def _wait_for_turn(self) -> None:
        task = asyncio.current_task()
        self._waiting.append(task)
        if len(self._waiting) > MAX_WAITING and (oldest := self._waiting.popleft()) is not None:
            if not self._flooded:
                self._flooded = True
                logger.warning("messages are dropped: %d later ones wait for their answers", MAX_WAITING)
            oldest.cancel()
        try:
            await self._one_at_a_time.acquire()
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(task)

    async def _take_turn(self, session: AgentSession[Any], event: TextInputEvent, message: Message) -> None:
        await self._wait_until_free(message)
        if self._closed:
            logger.info("a message was not answered: the session has closed")
            return
        self._message = message
        if self._hook:
            await self._run_turn(event.text)
        else:
            session.generate_reply(user_input=event.text, input_modality=self._modality)

    def form_of_speech(self) -> ChatPacket | None:
        """Return the form of the message that the present speech belongs to; None for a text stream."""
        current = self._session.current_speech
        for speech in self._speeches:
            if speech.handle is current:
                return speech.form
        return self._message.packet if self._message else None

    async def _wait_until_free(self, message: Message) -> None:
        """Wait for the speech that the message may not cut. Ends early if another speech takes its place."""
        try:
            async with asyncio.timeout(SPEECH_TIMEOUT):
                while not self._closed:
                    if (speech := await self._speech_to_wait_for(message)) is not None:
                        await self._wait_for_end_or_change(speech)
                        continue
                    await wait_until_settled(self._session)
                    if not await self._let_agent_enter():
                        return
        except TimeoutError:
            logger.warning("a message waited %g s for the end of a speech, which is now interrupted", SPEECH_TIMEOUT)
            await self._session.interrupt(force=True)

    async def _speech_to_wait_for(self, message: Message) -> SpeechHandle | None:
        """Return a speech of the present agent that the message does not interrupt; interrupt any other."""
        heard_at = self.outbox.heard_at if self.outbox else 0.0
        for speech in self._speeches:
            # The speech of a tool that runs an AgentTask goes on until the task has its answers: it is not waited for.
            is_present = speech.agent is self._session.current_agent and not speech.handle.done()
            if is_present and not speech.created <= heard_at <= message.arrived:
                return speech.handle
        try:
            await self._session.interrupt()
        except RuntimeError:
            # It does not allow interruptions.
            return self._session.current_speech
        return None

    async def _wait_for_end_or_change(self, speech: SpeechHandle) -> None:
        """Wait for the end of the speech, of its agent's time, or of the session."""
        if speech.done():
            # A speech that is done is the current one for a moment more (livekit-agents 1.6.0).
            await asyncio.sleep(0.01)
            return
        self._changed.clear()
        speech.add_done_callback(self._on_change)
        await self._changed.wait()

    async def _let_agent_enter(self) -> bool:
        """Give the present agent's ``on_enter`` time to speak first, once. Return True if something changed."""
        agent, entering = self._session.current_agent, on_enter_task(self._session)
        if agent is self._entered or entering is None or entering.done():
            return False
        self._entered = agent
        self._changed.clear()
        entering.add_done_callback(self._on_change)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENTER_SECONDS):
                await self._changed.wait()
        return True

    def _on_change(self, *_: object) -> None:
        self._changed.set()

    def _on_speech(self, event: SpeechCreatedEvent) -> None:
        form = self._message.packet if self._message else None
        speech = _Speech(event.speech_handle, self._session.current_agent, form)
        self._speeches.append(speech)
        self._changed.set()
        speech.handle.add_done_callback(lambda _: self._remove(speech))

    def _remove(self, speech: _Speech) -> None:
        if speech in self._speeches:
            self._speeches.remove(speech)
        self._changed.set()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        # Also when an AgentTask starts and when it ends.
        if event.item.type == "agent_handoff":
            self._changed.set()

    def _on_close(self, *_: object) -> None:
        self._closed = True
        self._changed.set()
        if self.outbox:
            self.outbox.release()

    async def _run_turn(self, text: str) -> None:
        """Run the turn as livekit-agents runs it for speech (``AgentActivity._user_turn_completed_task``)."""
        session = self._session
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
            await wait_until_settled(session)
            if (successor := session.current_agent) is not agent:
                # The hook has handed over: the context that it was given is not the context of the agent that answers.
                agent, chat_ctx = successor, NOT_GIVEN
        model = agent.llm if utils.is_given(agent.llm) else session.llm
        if model is None:
            return
        if isinstance(model, llm.RealtimeModel):
            # It keeps its own context; what the hook changed is dropped in voice too.
            chat_ctx = NOT_GIVEN
        session.generate_reply(user_input=message, chat_ctx=chat_ctx, input_modality=self._modality)


@dataclass(frozen=True, eq=False)
class _Speech:
    handle: SpeechHandle
    agent: Agent
    form: ChatPacket | None
    created: float = field(default_factory=time.monotonic)
