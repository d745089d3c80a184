"""The language models that a rehearsed agent asks.

Replaced, once a process, by the first rehearsal. Each does nothing of its own outside of a rehearsed job whose models
are replaced. Checked on livekit-agents 1.6.0 to 1.8.9:

- ``Agent.llm``, which replies, and an ``llm_node`` of the agent's own, read; where an agent has no model they read that
  of the session, which `sessions` replaces.
- ``LLMStream.__init__``, which every request to a model runs.
"""

from __future__ import annotations

import contextvars
import functools
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

from livekit.agents import Agent, get_job_context, llm

from ...own_code import Place
from ..frames import own_place

__tracebackhide__ = True


@dataclass
class ModelRequest:
    """A request to a model.

    Attributes:
        model: the model.
        place: the line of the agent's that sent it; None where there is none.
        outer: the request that it is a part of, of a model that asks others; None for most.
        is_answered_by_ours: the request reached the model of the rehearsal.
    """

    model: llm.LLM[Any]
    place: Place | None
    outer: ModelRequest | None
    is_answered_by_ours: bool = False


Own = llm.LLM[Any] | llm.RealtimeModel


class Models(Protocol):
    """Replacement of the models of a session and its agents."""

    def replacement(self, own: Own | None) -> Own | None:
        """Return the model in the place of one of the agent's; None is a session without a model."""

    def is_ours(self, model: object) -> bool:
        """Return whether a model is one of those that replace."""


class ModelListener(Protocol):
    """Is called back when the agent asks a model."""

    models: Models | None
    """Replaces the agents' own models; None leaves them."""

    def model_requested(self, request: ModelRequest) -> None:
        """Called when the agent asks a model other than those of ``models``."""


_request: contextvars.ContextVar[ModelRequest | None] = contextvars.ContextVar("cekura_model_request", default=None)


@functools.cache
def install() -> None:
    """Replace the methods that the module names."""
    agent_llm: Any = vars(Agent)["llm"].fget
    make: Any = llm.LLMStream.__init__

    def rehearsed_llm(agent: Agent) -> Any:
        own = agent_llm(agent)
        if not isinstance(own, llm.LLM | llm.RealtimeModel) or (models := _replacing()[1]) is None:
            return own
        return models.replacement(own)

    @functools.wraps(make)
    def rehearsed_make(stream: llm.LLMStream, *args: Any, **kwargs: Any) -> None:
        model: llm.LLM[Any] = args[0] if args else kwargs["llm"]
        (listener, models), outer = _replacing(), _request.get()
        # What the rehearsal's own model asks of others is its own affair.
        if listener is None or models is None or (outer is not None and models.is_ours(outer.model)):
            make(stream, *args, **kwargs)
            return
        request = ModelRequest(model, own_place(_asking_frame(model, stream)), outer)
        is_ours = models.is_ours(model)
        if not is_ours:
            listener.model_requested(request)
        while is_ours and outer is not None:
            outer.is_answered_by_ours = True
            outer = outer.outer
        # The stream's tasks are made here: what they request is a part of this request.
        token = _request.set(request)
        try:
            make(stream, *args, **kwargs)
        finally:
            _request.reset(token)

    Agent.llm = property(rehearsed_llm)  # type: ignore[assignment, method-assign]
    llm.LLMStream.__init__ = rehearsed_make  # type: ignore[assignment, method-assign]


def _replacing() -> tuple[ModelListener, Models] | tuple[None, None]:
    """Return the listener of the job in which this code runs, and its models, where it replaces models."""
    listener = getattr(get_job_context(required=False), "listener", None)
    models = listener.models if listener is not None else None
    return (listener, models) if models is not None else (None, None)


def _asking_frame(*asked: object) -> FrameType | None:
    """Return the frame from which a model is asked: the first that is not a method of the model or the stream."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and any(frame.f_locals.get("self") is each for each in asked):
        frame = frame.f_back
    return frame
