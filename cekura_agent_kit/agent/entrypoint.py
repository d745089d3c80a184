"""`wrap_entrypoint`: runs a job as a test if its metadata says so."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, overload

from ..job_keys import may_name_test, metadata_of
from .options import TESTS, UNDER_TEST, Fake, Options, Tests

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@overload
def wrap_entrypoint(
    entrypoint: F,
    /,
    *,
    enabled: bool = ...,
    tests: Tests | None = ...,
    tools: Mapping[str, Fake] | None = ...,
    user_turn: bool = ...,
    voice_instructions: bool = ...,
    never_away: bool = ...,
    tracing: bool = ...,
) -> F: ...


@overload
def wrap_entrypoint(
    *,
    enabled: bool = ...,
    tests: Tests | None = ...,
    tools: Mapping[str, Fake] | None = ...,
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
    tests: Tests | None = None,
    tools: Mapping[str, Fake] | None = None,
    user_turn: bool = True,
    voice_instructions: bool = True,
    never_away: bool = True,
    tracing: bool = False,
) -> F | Callable[[F], F]:
    """Make an agent's entrypoint testable in text.

    Use it as a decorator, with or without options, or inline around the function. A job whose metadata names no test
    runs exactly the entrypoint. A job with ``text_mode`` true runs it without speech models and without audio. This is
    checked: if it does not hold, the job ends with an error that says why.

    Args:
        entrypoint: the ``async`` function that LiveKit runs for each job.
        enabled: False returns the function as it is.
        tests: the tests that the agent accepts. ``"any"``: every job whose metadata names a test. ``"signed"``: those
            that a trigger with the same secret has signed; any other job is a real call. ``"none"``: every job is a
            real call. Default: the environment's ``CEKURA_KIT_TESTS``, else ``"any"``.
        tools: in signed tests, what stands for the agent's tools, by their names: functions, async or not, that get
            those of the call's arguments that they name. A suite's `tools` win over them.
        user_turn: run the agent's ``on_user_turn_completed`` for what the evaluator writes, as for what a caller says.
        voice_instructions: use the voice variant of ``Instructions(audio=…, text=…)``.
        never_away: do not let a slow evaluator make the user "away" (``user_away_timeout``).
        tracing: let Cekura's tracer track each session of a test. Needs the extra ``tracing``, and ``CEKURA_API_KEY``
            and ``CEKURA_AGENT_ID`` in the environment. Leave it off if you call ``track_session`` yourself.

    Raises:
        ValueError: ``tests`` is another word.
    """
    if tests is not None and tests not in TESTS:
        raise ValueError(f"tests={tests!r}: use 'any', 'signed' or 'none'")
    options = Options(
        tests=tests,
        tools=tools,
        user_turn=user_turn,
        voice_instructions=voice_instructions,
        never_away=never_away,
        tracing=tracing,
    )

    def wrap(function: F) -> F:
        if not enabled:
            return function
        wrapped = WrappedEntrypoint(function, options)
        if "livekit.agents" in sys.modules:
            from .internals.registered import replace_entrypoint

            replace_entrypoint(function, wrapped)
        return wrapped  # type: ignore[return-value]

    return wrap if entrypoint is None else wrap(entrypoint)


class WrappedEntrypoint:
    """A wrapped entrypoint that looks and pickles like its function.

    The worker pickles it for its job processes. A decorated function is found there under its own name. A function that
    was wrapped inline is not, so it is wrapped again.
    """

    def __init__(self, function: Callable[..., Awaitable[Any]], options: Options) -> None:
        self._function = function
        self._options = options
        functools.update_wrapper(self, function)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the entrypoint, as a test if the job's metadata names one."""
        context: Any = args[0] if args else next(iter(kwargs.values()), None)
        if not may_name_test(metadata_of(context)):
            # A real call: nothing of a test is imported for it.
            return await self._function(*args, **kwargs)
        from ..errors import MetadataError
        from .admission import admit

        try:
            test = None if hasattr(context, UNDER_TEST) else admit(context, self._options.tests)
        except MetadataError as error:
            from .run import refuse

            return await refuse(context, error)
        if test is None:
            return await self._function(*args, **kwargs)
        from .run import run

        return await run(context, test, self._options, functools.partial(self._function, *args, **kwargs))

    def __get__(self, instance: object, owner: type | None = None) -> WrappedEntrypoint:
        """Bind it to an instance, for an entrypoint that is a method."""
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
