"""`wrap_entrypoint`, which turns a job into a test where its metadata says so, and `current_call`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from ..contract import KIT_KEY, Mode, mode_from, parse_metadata
from ..errors import MetadataError

if TYPE_CHECKING:
    from .data_messages import DataMessage, Mailbox

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])

UNDER_TEST: Final = "_cekura_agent_kit"
"""Where a job context and its sessions carry what a test knows of them; a job that is no test carries nothing."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `wrap_entrypoint` was told; the meaning of each stands there."""

    user_turn: bool = True
    voice_instructions: bool = True
    never_away: bool = True
    tracing: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """The test that this job is.

    Attributes:
        mode: whether the evaluator writes or speaks.
        scenario_id: Cekura's scenario; None where the metadata names none.
        run_id: Cekura's run, in jobs that Cekura dispatched; in others it is not known in the job.
        test_profile_data: of the scenario's test profile, in jobs that Cekura dispatched.
        suite: the suite's name; empty in jobs that the kit did not dispatch.
        case: ``SCENARIO#N``; empty in jobs that the kit did not dispatch.
        metadata: the job's metadata as it was dispatched, your own keys included.
    """

    mode: Mode
    scenario_id: int | None = None
    run_id: int | None = None
    test_profile_data: Any = None
    suite: str = ""
    case: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _mailbox: Mailbox | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_metadata(cls, mode: Mode, metadata: str, mailbox: Mailbox | None = None) -> Call:
        """What the job's metadata tells of the test."""
        said = parse_metadata(metadata) or {}
        ours = said.get(KIT_KEY, {})
        return cls(
            mode=mode,
            scenario_id=ours.get("scenario", said.get("scenario_id")),
            run_id=said.get("run_id"),
            test_profile_data=said.get("test_profile_data"),
            suite=str(ours.get("suite", "")),
            case=str(ours.get("case", "")),
            metadata=said,
            _mailbox=mailbox,
        )

    def on_data_message(self, handler: Callable[[DataMessage], Awaitable[None] | None]) -> None:
        """Have the payloads of ``publish_data_message``, in text tests.

        Args:
            handler: called, or awaited, with each `DataMessage` (``payload``: parsed JSON, ``topic``, ``sender``), one
                after the other; those that came before there was a handler come first.
        """
        if self._mailbox is not None:
            self._mailbox.open(handler)


def current_call() -> Call | None:
    """The test that is running; None in production and outside of a job.

    Ask it where a tool would do what must not be done in a test: book, pay, send.
    """
    agents = sys.modules.get("livekit.agents")
    if agents is None:
        return None
    context = agents.get_job_context(required=False)
    job = context.__dict__.get(UNDER_TEST) if context is not None else None
    return job.call if job is not None else None


@overload
def wrap_entrypoint(
    entrypoint: F,
    /,
    *,
    enabled: bool = ...,
    user_turn: bool = ...,
    voice_instructions: bool = ...,
    never_away: bool = ...,
    tracing: bool = ...,
) -> F: ...


@overload
def wrap_entrypoint(
    *,
    enabled: bool = ...,
    user_turn: bool = ...,
    voice_instructions: bool = ...,
    never_away: bool = ...,
    tracing: bool = ...,
) -> Callable[[F], F]: ...


def wrap_entrypoint(
    entrypoint: F | None = None,
    /,
    *,
    enabled: bool = True,
    user_turn: bool = True,
    voice_instructions: bool = True,
    never_away: bool = True,
    tracing: bool = False,
) -> F | Callable[[F], F]:
    """Make an agent's entrypoint testable in text.

    A decorator, with or without options, or inline around the function. A job whose metadata names no test runs exactly
    the entrypoint. A job with ``text_mode`` true runs it without any speech model and without audio; this is checked,
    and where it does not hold the job ends with an error that says why.

    Args:
        entrypoint: the ``async`` function that LiveKit runs for each job.
        enabled: False makes the wrapper nothing.
        user_turn: run the agent's ``on_user_turn_completed`` for what the evaluator writes, as for what a caller says.
        voice_instructions: use the voice variant of ``Instructions(audio=…, text=…)``.
        never_away: do not let a slow evaluator make the user "away" (``user_away_timeout``).
        tracing: have Cekura's tracer track each session of a test; needs the extra ``tracing``, and ``CEKURA_API_KEY``
            and ``CEKURA_AGENT_ID`` in the environment. Leave it off where you call ``track_session`` yourself.
    """
    options = Options(
        user_turn=user_turn, voice_instructions=voice_instructions, never_away=never_away, tracing=tracing
    )

    def wrap(function: F) -> F:
        if not enabled:
            return function
        wrapped = WrappedEntrypoint(function, options)
        if "livekit.agents" in sys.modules:
            from .internals import replace_entrypoint

            replace_entrypoint(function, wrapped)
        return wrapped  # type: ignore[return-value]

    return wrap if entrypoint is None else wrap(entrypoint)


class WrappedEntrypoint:
    """An entrypoint that looks and pickles like the function in it.

    The worker pickles it for its job processes. A decorated function is found there under its own name; one that was
    wrapped inline is not, so it is wrapped again.
    """

    def __init__(self, function: Callable[..., Coroutine[Any, Any, Any]], options: Options) -> None:
        self._function = function
        self._options = options
        functools.update_wrapper(self, function)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the entrypoint, as a test where the job's metadata names one."""
        context: Any = args[0] if args else next(iter(kwargs.values()), None)
        metadata = getattr(getattr(context, "job", None), "metadata", None)
        try:
            mode = mode_from(metadata) if isinstance(metadata, str) else None
        except MetadataError as error:
            from .job import refuse_job

            return await refuse_job(context, error)
        if mode is None or UNDER_TEST in context.__dict__:
            return await self._function(*args, **kwargs)
        from .job import run_test

        return await run_test(context, mode, self._options, functools.partial(self._function, *args, **kwargs))

    def __get__(self, instance: object, owner: type | None = None) -> WrappedEntrypoint:
        """Bind it where it stands in a class."""
        if instance is None:
            return self
        return WrappedEntrypoint(self._function.__get__(instance, owner), self._options)

    def __reduce__(self) -> str | tuple[Any, ...]:
        name = getattr(self, "__qualname__", "")
        found: object = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (WrappedEntrypoint, (self._function, self._options))

    def __repr__(self) -> str:
        return f"wrap_entrypoint({self._function!r})"
