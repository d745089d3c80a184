"""A session in text: switched before it starts, checked after it has started and at each handoff."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, JobExecutorType, llm, utils
from livekit.agents.voice.room_io import RoomIO, RoomOptions, TextInputOptions, TextOutputOptions

from ..contract import PROOF_ATTRIBUTE, TEXT_ONLY
from ..errors import TextModeError
from .inbox import Inbox
from .internals import framework
from .options import UNDER_TEST
from .outbox import Outbox
from .turns import Turns

if TYPE_CHECKING:
    from .data_messages import Mailbox
    from .job import JobUnderTest

logger = logging.getLogger("cekura_agent_kit")

GREETING_SECONDS: Final = 0.3
"""Seconds after a session's start in which its entrypoint may still greet before early messages are answered."""


def prepare(job: JobUnderTest, mailbox: Mailbox) -> None:
    """Prepare the job's room for text, before the entrypoint runs."""

    async def wait_until_ready(room_io: RoomIO) -> None:
        await TextSession.of(job, framework.session_of(room_io)).ready.wait()

    inbox = Inbox(job, mailbox, wait_until_ready)
    job.add(inbox)
    job.start_task(mailbox.deliver(inbox.wait_for_sender), "data_messages")

    def on_track(publication: rtc.LocalTrackPublication, *_: object) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO:
            job.refuse(_not_text([f"the audio track {publication.name!r}"]))

    job.room.on("local_track_published", on_track)


def _not_text(found: list[str]) -> TextModeError:
    return TextModeError(
        f"text mode did not hold: {', '.join(found)}",
        hint="leave it out in tests (current_call() is not None), or test this agent in voice",
    )


class TextSession:
    """Text state of one session, stored on the session. Its presence switches the session to text."""

    def __init__(self, job: JobUnderTest, session: AgentSession[Any]) -> None:
        self.job = job
        self.session = session
        self.started = False
        self.ready = asyncio.Event()
        inbox = job.part(Inbox)
        assert inbox is not None, "prepare() runs before any session of the job"
        self.turns = Turns(
            session, inbox, hook=job.options.user_turn, voice_instructions=job.options.voice_instructions
        )
        self.untested: list[str] = []
        session.__dict__[UNDER_TEST] = self
        framework.refuse_audio(session, self._on_audio)
        session.on("conversation_item_added", self._on_item)
        if job.options.never_away:
            session.options.user_away_timeout = None

    @staticmethod
    def of(job: JobUnderTest, session: AgentSession[Any]) -> TextSession:
        """Return the session's text state, made on first use: before it starts, or before a RoomIO of it does."""
        return session.__dict__.get(UNDER_TEST) or TextSession(job, session)

    def ask_for_text(self, agent: Agent) -> None:
        """Make a realtime model answer in text, unless another job of this process may use the same model."""
        model = agent.llm if utils.is_given(agent.llm) else self.session.llm
        if not isinstance(model, llm.RealtimeModel):
            return
        alone = self.job.context.proc.executor_type is JobExecutorType.PROCESS
        if not (alone and framework.ask_for_text(model)):
            self.untested.append(
                f"the audio of {type(model).__name__}, which is generated and billed although nobody hears it"
            )

    def room_options(self, given: Any, legacy_input: Any, legacy_output: Any) -> RoomOptions:
        """Return a copy of the caller's options with text on and audio off. Jobs may share the caller's object."""
        options = copy.copy(framework.room_options(given, legacy_input, legacy_output))
        options.audio_input = False
        options.audio_output = False
        text_input = options.get_text_input_options()
        if text_input is None or text_input.text_input_cb is TextInputOptions().text_input_cb:
            options.text_input = TextInputOptions(text_input_cb=self.turns.answer)
        if (own := self.session.output.transcription) is not None and not isinstance(own, Outbox):
            # livekit-agents would use this sink in place of the room's, and the room would receive nothing.
            self.session.output.transcription = None
            options.text_output = TextOutputOptions(next_in_chain=own)
        elif options.text_output is False:
            options.text_output = True
        return options

    def prove(self) -> None:
        """Check that nothing of the session speaks or listens.

        Raises:
            TextModeError: something does; it is named.
        """
        if found := framework.audible(self.session) + audio_tracks(self.job.room):
            raise _not_text(found)

    async def become_ready(self) -> None:
        """Accept messages once the entrypoint has returned or has had time to greet: many greet after the start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GREETING_SECONDS):
                await self.job.returned.wait()
        self.ready.set()

    def log_untested(self) -> None:
        """Log what of this agent is not tested in text."""
        agent = self.session.current_agent
        nodes = [
            f"{type(agent).__name__}.{node}"
            for node in ("stt_node", "tts_node", "realtime_audio_output_node")
            if getattr(type(agent), node, None) is not getattr(Agent, node, None)
        ]
        if found := [*self.untested, *nodes]:
            logger.info("not tested in text mode: %s", ", ".join(found))

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if event.item.type != "agent_handoff":
            return
        framework.drop_turn_detection(self.session)
        if self.started:
            self.ask_for_text(self.session.current_agent)
            try:
                self.prove()
            except TextModeError as error:
                self.job.refuse(error)

    def _on_audio(self, what: str) -> None:
        if not self.started:
            self.untested.append(what)
        logger.info("text mode: %s is not used", what)


async def start(
    job: JobUnderTest,
    original: Callable[..., Coroutine[Any, Any, Any]],
    session: AgentSession[Any],
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Start a session in text, in place of ``AgentSession.start``."""
    text = TextSession.of(job, session)
    try:
        agent: Agent = args[0] if args else kwargs["agent"]
        refuse_duplex(session, agent)
        text.prove()
        text.ask_for_text(agent)
        if room := kwargs.get("room"):
            legacy = kwargs.pop("room_input_options", None), kwargs.pop("room_output_options", None)
            kwargs["room_options"] = text.room_options(kwargs.get("room_options"), *legacy)
            if room is job.room:
                # A session that starts before the room is connected loses its greeting.
                await job.context.connect()
        result = await original(session, *args, **kwargs)
        text.prove()
    except TextModeError as error:
        job.refuse(error)
        raise
    text.started = True
    text.log_untested()
    job.set_attributes(**{PROOF_ATTRIBUTE: TEXT_ONLY})
    job.start_task(text.become_ready(), "ready")
    return result


async def start_room_io(
    job: JobUnderTest, original: Callable[..., Coroutine[Any, Any, Any]], room_io: RoomIO, *args: Any, **kwargs: Any
) -> Any:
    """Start a RoomIO in text, in place of ``RoomIO.start``."""
    session = framework.session_of(room_io)
    text = TextSession.of(job, session)
    options = text.room_options(framework.options_of(room_io), None, None)
    framework.set_options(room_io, options)
    if room_io.room is job.room:
        await job.context.connect()
    job.room_io = job.room_io or room_io
    await original(room_io, *args, **kwargs)
    if (output := room_io.transcription_output) is not None:
        outbox = Outbox(job, room_io, output, text.turns.form_of_speech)
        text.turns.outbox = session.output.transcription = outbox
    if text_input := options.get_text_input_options():
        # AgentSession.start does so too, but not for a RoomIO that the entrypoint made.
        room_io.register_text_input(text_input.text_input_cb)


def refuse_duplex(session: AgentSession[Any], agent: Agent) -> None:
    """Refuse a model that only speaks.

    Raises:
        TextModeError: the session or its first agent has one.
    """
    adapter = getattr(llm, "DuplexRealtimeAdapter", None)  # since 1.8
    for model in (session.llm, agent.llm):
        if adapter is not None and isinstance(model, adapter):
            raise TextModeError(
                "text mode did not hold: a DuplexModel has no text", hint="test this agent in voice: mode: voice"
            )


def audio_tracks(room: rtc.Room) -> list[str]:
    """Describe the audio tracks that the agent publishes."""
    tracks = room.local_participant.track_publications.values() if room.isconnected() else ()
    return [f"the audio track {track.name!r}" for track in tracks if track.kind == rtc.TrackKind.KIND_AUDIO]
