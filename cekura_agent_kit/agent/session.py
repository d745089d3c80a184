"""Replacements of ``AgentSession.start`` and its like: each is called in a test, in place of the original."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..contract import Mode
from . import last_words
from .ending import Ending
from .events import EventSender
from .internals import framework
from .job import JobUnderTest
from .tool_failures import make_tool_output
from .tools import Tools
from .tracing import track

if TYPE_CHECKING:
    from livekit.agents import AgentSession, BackgroundAudioPlayer, PlayHandle
    from livekit.agents.voice.avatar import AvatarSession
    from livekit.agents.voice.room_io import RoomIO
    from livekit.api.room_service import RoomService

logger = logging.getLogger("cekura_agent_kit")

Original = Callable[..., Coroutine[Any, Any, Any]]


def install() -> None:
    """Install the functions below in this process. They act in jobs that are tests, and in no other."""
    replacements: dict[str, framework.Replacement] = {
        "AgentSession.start": start,
        "RoomIO.start": start_room_io,
        "BackgroundAudioPlayer.start": start_background_audio,
        "BackgroundAudioPlayer.play": play_background_audio,
        "RoomService.delete_room": delete_room,
        "AvatarSession.__init__": make_avatar,
        "LocalParticipant.stream_text": last_words.open_stream,
        "TwirpClient.request": last_words.send_request,
    }
    framework.install(replacements, lambda room: JobUnderTest.current() or JobUnderTest.of_room(room))
    framework.install_for_tools(make_tool_output, JobUnderTest.current)


def start(
    job: JobUnderTest, original: Original, session: AgentSession[Any], *args: Any, **kwargs: Any
) -> Coroutine[Any, Any, Any]:
    """Replace ``AgentSession.start``. The session counts from this call on: an entrypoint may start it in a task."""
    is_first_start = session not in job.sessions
    if is_first_start:
        job.add_session(session)
    return _start(job, original, session, *args, is_first_start=is_first_start, **kwargs)


async def _start(
    job: JobUnderTest, original: Original, session: AgentSession[Any], *args: Any, is_first_start: bool, **kwargs: Any
) -> Any:
    if is_first_start:
        if ending := job.part(Ending):
            ending.watch(session)
        if sender := job.part(EventSender):
            sender.watch(session)
        if tools := job.part(Tools):
            session.on("close", tools.on_session_closed)
        if job.options.tracing:
            await track(job, session, args[0] if args else kwargs["agent"])
    if job.call.mode is Mode.TEXT:
        from . import text_session

        return await text_session.start(job, original, session, *args, **kwargs)
    return await original(session, *args, **kwargs)


async def start_room_io(job: JobUnderTest, original: Original, room_io: RoomIO, *args: Any, **kwargs: Any) -> Any:
    """Replace ``RoomIO.start``, also of a RoomIO that the entrypoint made itself."""
    if job.call.mode is Mode.TEXT:
        from . import text_session

        return await text_session.start_room_io(job, original, room_io, *args, **kwargs)
    return await original(room_io, *args, **kwargs)


async def start_background_audio(
    job: JobUnderTest, original: Original, player: BackgroundAudioPlayer, *args: Any, **kwargs: Any
) -> None:
    """Replace ``BackgroundAudioPlayer.start``: in text it publishes no track."""
    if job.call.mode is Mode.TEXT:
        logger.info("not tested in text mode: background audio")
        return
    await original(player, *args, **kwargs)


def make_avatar(
    job: JobUnderTest, original: Callable[..., None], avatar: AvatarSession[Any], *args: Any, **kwargs: Any
) -> None:
    """Replace ``AvatarSession.__init__``: in text the avatar's own ``start``, which calls its vendor, does nothing."""
    original(avatar, *args, **kwargs)
    if job.call.mode is not Mode.TEXT:
        return

    async def start(*_: Any, **__: Any) -> None:
        logger.info("not tested in text mode: the avatar %s.%s", type(avatar).__module__, type(avatar).__name__)

    avatar.start = start  # type: ignore[method-assign]


def play_background_audio(
    job: JobUnderTest,
    original: Callable[..., PlayHandle],
    player: BackgroundAudioPlayer,
    *args: Any,
    **kwargs: Any,
) -> PlayHandle:
    """Replace ``BackgroundAudioPlayer.play``: in text it returns the handle of a sound that has ended."""
    if job.call.mode is not Mode.TEXT:
        return original(player, *args, **kwargs)
    from livekit.agents import PlayHandle

    handle = PlayHandle()
    handle.stop()
    return handle


async def delete_room(job: JobUnderTest, original: Original, service: RoomService, *args: Any, **kwargs: Any) -> Any:
    """Replace ``RoomService.delete_room``: the witness first learns that the agent itself ends the call."""
    request = args[0] if args else kwargs.get("delete")
    sender = job.part(EventSender)
    if sender and getattr(request, "room", "") == job.context.job.room.name:
        await sender.announce_deletion()
    return await original(service, *args, **kwargs)
