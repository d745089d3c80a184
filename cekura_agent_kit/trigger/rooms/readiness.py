"""Whether the agent in a room is ready for its evaluator, by what RoomService lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...contract import ERROR_ATTRIBUTE, KIT_ATTRIBUTE, MODE_ATTRIBUTE, PROOF_ATTRIBUTE, TEXT_ONLY, Mode
from ...verdict import Kind
from ..judging import Errored
from ..suite import TextSwitch
from ..timing import Timing
from .service import Participant

SIMULATION: Final = {"lk.simulator.dispatch": '{"simulation_run_id": "cekura", "mode": "SIMULATION_MODE_TEXT"}'}
"""The dispatch attribute that switches an unwrapped agent of livekit-agents 1.6.6 or later to text."""
SIMULATION_LACKS: Final = (
    "text by dispatch (text_switch: dispatch): greetings and early words may be lost, on_user_turn_completed is not "
    "run, text is checked by published tracks alone, and telemetry is marked as a simulation; wrap_entrypoint has "
    "none of these limits"
)

_ON_BEHALF: Final = "lk.publish_on_behalf"
"""An avatar's participant: also of kind agent, and no second agent."""
_AGENT_STATE: Final = "lk.agent.state"


@dataclass(frozen=True)
class Readiness:
    """Whether it is ready, and what a person may want to know of it."""

    ready: bool
    note: str = ""


def agents_in(participants: Sequence[Participant]) -> list[Participant]:
    """The agents, without their avatars."""
    return [each for each in participants if each.is_agent and _ON_BEHALF not in each.attributes]


def refuse(agents: Sequence[Participant], *, mode: Mode, switch: TextSwitch) -> None:
    """What is wrong at any time of a run.

    Raises:
        Errored: two agents, an agent that gave up, or one that talks in another mode.
    """
    if len(agents) > 1:
        raise Errored(
            Kind.AGENT_DUPLICATED,
            f"{len(agents)} agents came: {', '.join(agent.identity for agent in agents)}",
            hint="dispatch by name only: does another worker take every room (one without an agent name), "
            "or another rule or webhook dispatch agents?",
        )
    for agent in agents:
        if error := agent.attributes.get(ERROR_ATTRIBUTE):
            raise Errored(Kind.AGENT_REFUSED, error, hint="the agent's log has the whole of it")
        said = agent.attributes.get(MODE_ATTRIBUTE)
        if said is not None and said != mode:
            raise Errored(
                Kind.WRONG_MODE,
                f"the agent is in {said}, and this is a {mode} run",
                hint="does something else set `text_mode` in the job's metadata?",
            )
        if mode is Mode.TEXT and switch == "dispatch" and agent.audio_tracks:
            raise Errored(
                Kind.WRONG_MODE,
                "the agent publishes audio in a text run",
                hint="text by dispatch needs livekit-agents 1.6.6 or later, and no audio of the agent's own; "
                "or use wrap_entrypoint",
            )


def readiness(
    agents: Sequence[Participant],
    *,
    mode: Mode,
    switch: TextSwitch,
    active_for: float,
    text_for: float,
    patience: float,
    timing: Timing,
) -> Readiness:
    """Whether the evaluator may come.

    Args:
        agents: of `agents_in`.
        mode: the run's.
        switch: how text mode is reached.
        active_for: seconds since the agent was first seen ACTIVE.
        text_for: seconds since it was first seen with ``cekura.mode``.
        patience: seconds, ACTIVE, for ``cekura.mode``.
        timing: how long what else is awaited.

    Raises:
        Errored: as `refuse`; or the agent knows nothing of the test's text mode.
    """
    refuse(agents, mode=mode, switch=switch)
    if not agents or agents[0].state != "active":
        return Readiness(False)
    attributes = agents[0].attributes
    if mode is Mode.VOICE:
        # An agent that holds its greeting for a caller publishes nothing before; one that refuses says so at once.
        return Readiness(MODE_ATTRIBUTE in attributes or active_for >= timing.attributes)
    if switch == "dispatch":
        return Readiness(_AGENT_STATE in attributes or active_for >= timing.proof, SIMULATION_LACKS)
    if MODE_ATTRIBUTE not in attributes:
        # A session that has begun without it was not wrapped; one that has not may be in a slow start.
        if active_for < (timing.attributes if _AGENT_STATE in attributes else patience):
            return Readiness(False)
        raise Errored(
            Kind.WRONG_MODE,
            f"the agent does not say that it is in text ({MODE_ATTRIBUTE} is missing)",
            hint=f"wrap its entrypoint with wrap_entrypoint{' and restart its worker' if not attributes else ''}, "
            "or set `text_switch: dispatch`"
            if KIT_ATTRIBUTE not in attributes
            else "use the same version of cekura-agent-kit in the agent and here",
        )
    if attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY:
        return Readiness(True)
    if text_for < timing.proof:
        return Readiness(False)
    return Readiness(True, "no text proof before the start: the agent awaits its caller before it starts its session")
