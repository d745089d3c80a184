"""Names of livekit-agents that a test uses although they are private, or that it replaces.

All are there since 1.6.0; checked on 1.6.0, 1.7.1 and 1.8.9.

- ``AgentSession._text_only``: the framework's own switch; speech models resolve to None at every level.
- ``AgentSession._activity``, its ``stt``, ``tts``, ``vad``, ``_turn_detection``, ``_interruption_detector``: the proof.
- ``AgentSession._update_activity_atask``, ``_activity_lock``: the end of a handoff that is under way.
- ``AgentActivity._on_enter_task``: the end of an agent's ``on_enter``. If it is gone, a message may be answered before
  an agent greets.
- ``AgentOutput._audio_changed``, ``AgentInput._audio_changed``: audio sinks and sources that are set later.
- ``RoomOptions._ensure_options``: conversion of the legacy pair of options.
- ``RoomIO._options``, ``RoomIO._agent_session``: a RoomIO that the entrypoint makes itself.
- ``JobContext._participant_entrypoints``, ``Room._events``, ``._text_stream_handlers``, ``._byte_stream_handlers``,
  ``LocalParticipant._rpc_handlers``: what could still start a session. If one of the first two is gone, an entrypoint
  that returned without a session always goes on.
- ``RealtimeModel._opts.modalities`` of OpenAI's kind of models: text is requested. If it is gone, the model generates
  audio that nobody hears.
- ``generation.make_tool_output``: exceptions of tools, by ``raw_exception`` of what it returns. If it is gone, a report
  has livekit-agents' own words for a tool that failed.

If one of the first six is gone, `require_text_mode` refuses text mode and names it. Voice goes on untouched.

Replaced, once and only in a process that runs a test: ``AgentSession.start``, ``AgentSession._text_only``,
``RoomIO.start``, ``BackgroundAudioPlayer.start`` and ``.play``, ``AvatarSession.__init__``,
``generation.make_tool_output``, ``LocalParticipant.stream_text``, and of livekit-api ``RoomService.delete_room`` and
``TwirpClient.request``. Each does nothing of its own for a job that is not a test.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..options import UNDER_TEST

if TYPE_CHECKING:
    from livekit.agents import AgentSession, JobContext
    from livekit.agents.voice.room_io import RoomIO, RoomOptions

Replacement = Callable[..., Any]

NO_MODEL: Final = (None, "manual", "realtime_llm")
"""Values of turn detection without a model."""

_installing = threading.Lock()
_installed = False


def install(replacements: Mapping[str, Replacement], job_of: Callable[[object], Any]) -> None:
    """Replace methods of livekit-agents, once in a process. Its jobs may run in threads.

    Args:
        replacements: by ``CLASS.METHOD``: called in a test, with the job, the original method and its arguments.
        job_of: returns the test of the running job or of the given room (which may be None); None runs the original.
    """
    global _installed
    with _installing:
        if not _installed:
            _install(replacements, job_of)
            _installed = True


def _install(replacements: Mapping[str, Replacement], job_of: Callable[[object], Any]) -> None:
    from livekit.agents import AgentSession, BackgroundAudioPlayer
    from livekit.agents.voice.avatar import AvatarSession
    from livekit.agents.voice.room_io import RoomIO
    from livekit.api.room_service import RoomService
    from livekit.api.twirp_client import TwirpClient
    from livekit.rtc import LocalParticipant

    if isinstance(switch := vars(AgentSession).get("_text_only"), property):
        AgentSession._text_only = property(  # type: ignore[method-assign, assignment]
            lambda self: UNDER_TEST in self.__dict__ or bool(switch.fget and switch.fget(self))
        )
    # Cekura's own tracer switches sessions to text too, unless this flag is set. It would write into the caller's room
    # options, and its own would win over the legacy pair.
    AgentSession._cekura_text_mode_patched = True  # type: ignore[attr-defined]
    theirs: tuple[type, ...] = (AgentSession, RoomIO, BackgroundAudioPlayer, AvatarSession)
    theirs += (RoomService, TwirpClient, LocalParticipant)
    owners = {owner.__name__: owner for owner in theirs}
    for name, ours in replacements.items():
        owner, method = name.split(".")
        _replace(owners[owner], method, ours, job_of)


def install_for_tools(ours: Replacement, job_of: Callable[[], Any]) -> None:
    """Replace the function that makes a tool's output of what the tool returned or raised, once in a process.

    Args:
        ours: called in a test, with the job, the original function and its arguments.
        job_of: returns the test of the running job; None runs the original.
    """
    from livekit.agents.voice import generation

    with _installing:
        original = getattr(generation, "make_tool_output", None)
        if original is None or hasattr(original, "__wrapped__"):
            return

        @functools.wraps(original)
        def replaced(*args: Any, **kwargs: Any) -> Any:
            job = job_of()
            return original(*args, **kwargs) if job is None else ours(job, original, *args, **kwargs)

        generation.make_tool_output = replaced


def _replace(owner: type, name: str, ours: Replacement, job_of: Callable[[object], Any]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def replaced(*args: Any, **kwargs: Any) -> Any:
        job = job_of(getattr(args[0], "room", kwargs.get("room")))
        return original(*args, **kwargs) if job is None else ours(job, original, *args, **kwargs)

    setattr(owner, name, replaced)


def require_text_mode() -> None:
    """Refuse text mode if livekit-agents lacks a name that it needs.

    Raises:
        TextModeError: a name is missing; it is given.
    """

    from livekit.agents import AgentSession
    from livekit.agents.version import __version__
    from livekit.agents.voice.agent_activity import AgentActivity
    from livekit.agents.voice.io import AgentInput, AgentOutput
    from livekit.agents.voice.room_io import RoomIO, RoomOptions

    from ...errors import TextModeError

    missing = [] if isinstance(vars(AgentSession).get("_text_only"), property) else ["AgentSession._text_only"]
    missing += [] if hasattr(RoomOptions, "_ensure_options") else ["RoomOptions._ensure_options"]
    for owner, names in (
        (AgentSession, ["_activity", "_update_activity_atask", "_activity_lock"]),
        (AgentActivity, ["_turn_detection", "_interruption_detector"]),
        (AgentOutput, ["_audio_changed"]),
        (AgentInput, ["_audio_changed"]),
        (RoomIO, ["_options", "_agent_session"]),
    ):
        made = inspect.unwrap(owner.__init__).__code__.co_names
        missing += [f"{owner.__name__}.{name}" for name in names if name not in made]
    if missing:
        raise TextModeError(
            f"livekit-agents {__version__} has no {', '.join(missing)}: text mode cannot be switched on",
            hint="use a livekit-agents from 1.6.0 on that this version of cekura-agent-kit knows, or run in voice",
        )


def room_options(given: Any, legacy_input: Any, legacy_output: Any) -> RoomOptions:
    """Return the options that ``AgentSession.start`` would use for these arguments; absent ones are None."""
    from livekit.agents import NOT_GIVEN
    from livekit.agents.voice.room_io import RoomOptions

    return RoomOptions._ensure_options(
        given or NOT_GIVEN,
        room_input_options=legacy_input or NOT_GIVEN,
        room_output_options=legacy_output or NOT_GIVEN,
    )


def options_of(room_io: RoomIO) -> RoomOptions:
    """Return a RoomIO's options."""
    return room_io._options


def set_options(room_io: RoomIO, options: RoomOptions) -> None:
    """Replace the options of a RoomIO that has not started."""
    room_io._options = options


def session_of(room_io: RoomIO) -> AgentSession[Any]:
    """Return a RoomIO's session."""
    return room_io._agent_session


def refuse_audio(session: AgentSession[Any], noticed: Callable[[str], None]) -> None:
    """Remove audio input and output now, and again whenever anything sets them.

    Args:
        session: the session.
        noticed: called with a description of what was removed.
    """
    from livekit.agents.voice.avatar import DataStreamAudioOutput

    for stream in (session.input, session.output):

        def changed(stream: Any = stream) -> None:
            if (audio := stream.audio) is not None:
                of_avatar = " (an avatar that its vendor has started)" * isinstance(audio, DataStreamAudioOutput)
                noticed(f"{type(audio).__name__} {audio.label!r}{of_avatar}")
                stream.audio = None

        stream._audio_changed = changed
        changed()


def drop_turn_detection(session: AgentSession[Any]) -> None:
    """Remove the turn detection model of an activity that is about to start; since 1.7 the switch does so itself."""
    if session._activity and session._activity._turn_detection not in NO_MODEL:
        session._activity._turn_detection = None


async def wait_until_settled(session: AgentSession[Any]) -> None:
    """Wait for the end of a handoff: between two agents a session accepts no messages."""
    while (handoff := session._update_activity_atask) is not None and not handoff.done():
        await asyncio.wait([handoff])
    async with session._activity_lock:
        return


def on_enter_task(session: AgentSession[Any]) -> asyncio.Task[Any] | None:
    """Return the task that runs the present agent's ``on_enter``; None if there is none, or its name has moved."""
    return getattr(session._activity, "_on_enter_task", None)


def registered_functions(context: JobContext) -> list[tuple[str, Callable[..., Any]]] | None:
    """Return the functions that are registered with a job and its room, each with its kind; None if unknown."""
    room = context.room
    registered = getattr(context, "_participant_entrypoints", None)
    events = getattr(room, "_events", None)
    if registered is None or events is None:
        return None
    found: list[tuple[str, Callable[..., Any]]] = [("the participant entrypoint", each) for each, _ in registered]
    found += [(f"the handler of {event}", each) for event, handlers in events.items() for each in handlers]
    streams = getattr(room, "_text_stream_handlers", {}), getattr(room, "_byte_stream_handlers", {})
    found += [(f"the stream handler of {topic!r}", each) for topics in streams for topic, each in topics.items()]
    if room.isconnected():
        methods = getattr(room.local_participant, "_rpc_handlers", {})
        found += [(f"the RPC method {name!r}", each) for name, each in methods.items()]
    return found


def audible(session: AgentSession[Any]) -> list[str]:
    """Describe what of a session could speak or listen; empty in text mode."""
    activity = session._activity
    found = [] if session._text_only else [f"{type(session).__name__}._text_only is false"]
    if session.input.audio is not None:
        found.append(f"audio input {session.input.audio.label!r}")
    if session.output.audio is not None:
        found.append(f"audio output {session.output.audio.label!r}")
    if activity is None:
        return found
    agent = activity.agent.id
    for kind in ("stt", "tts", "vad"):
        if (model := getattr(activity, kind)) is not None:
            found.append(f"{kind} {type(model).__module__}.{type(model).__name__} of {agent}")
    if (detection := activity._turn_detection) not in NO_MODEL:
        found.append(
            f"turn_detection {detection if isinstance(detection, str) else type(detection).__name__} of {agent}"
        )
    if (detector := activity._interruption_detector) is not None:
        found.append(f"interruption detection {type(detector).__name__} of {agent}")
    return found


def ask_for_text(model: Any) -> bool:
    """Make a realtime model of OpenAI's kind answer in text. False for another kind, which still bills audio."""
    modalities = getattr(getattr(model, "_opts", None), "modalities", None)
    if not isinstance(modalities, list):
        return False
    model._opts.modalities = ["text"]
    model.capabilities.audio_output = False
    return True
