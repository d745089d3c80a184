"""Readiness of the agent in a room for its evaluator, by what RoomService lists. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...contract import (
    ERROR_ATTRIBUTE,
    KIT_ATTRIBUTE,
    MODE_ATTRIBUTE,
    PROOF_ATTRIBUTE,
    TEXT_ONLY,
    Mode,
)
from ...permit import KIT_SECRET
from ...verdict import Kind
from ..errored import Errored
from ..plan.simulation import SIMULATOR_ATTRIBUTE
from ..plan.suite_values import TextSwitch
from ..timing import Timing
from .service import Participant
from .signature import signature_of

SIMULATION: Final = {SIMULATOR_ATTRIBUTE: '{"simulation_run_id": "cekura", "mode": "SIMULATION_MODE_TEXT"}'}
"""Dispatch attribute that switches an unwrapped agent of livekit-agents 1.6.6 or later to text."""
SIMULATION_LACKS: Final = (
    "text by dispatch (text_switch: dispatch): greetings and early messages may be lost, on_user_turn_completed is "
    "not called, text is checked by published tracks alone, and telemetry is marked as a simulation; wrap_entrypoint "
    "has none of these limits"
)

_ON_BEHALF: Final = "lk.publish_on_behalf"
"""Attribute of an avatar's participant, which is of kind agent too, but is not a second agent."""
_AGENT_STATE: Final = "lk.agent.state"


@dataclass(frozen=True)
class Readiness:
    """Result of one check.

    Attributes:
        ready: the evaluator may join.
        notes: for the report.
        attributes: the agent's.
    """

    ready: bool
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def signed(self) -> bool | None:
        """True if the agent accepted the test's signature; None if it did not say."""
        return signature_of(self.attributes).accepted

    @property
    def proven(self) -> bool:
        """True if the agent has proven that nothing of its session speaks or hears."""
        return self.attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY


def agents_in(participants: Sequence[Participant]) -> list[Participant]:
    """Return the agents, without their avatars."""
    return [each for each in participants if each.is_agent and _ON_BEHALF not in each.attributes]


def refuse(agents: Sequence[Participant], *, mode: Mode, switch: TextSwitch) -> None:
    """Refuse what is wrong at any time of a run.

    Raises:
        Errored: two agents, an agent that set `cekura.error`, or one in another mode.
    """
    if len(agents) > 1:
        raise Errored(
            Kind.AGENT_DUPLICATED,
            f"{len(agents)} agents joined: {', '.join(agent.identity for agent in agents)}",
            hint="dispatch by name only: a worker without an agent name joins every room, and a dispatch rule or a "
            "webhook may dispatch agents, too",
        )
    for agent in agents:
        if error := agent.attributes.get(ERROR_ATTRIBUTE):
            raise Errored(Kind.AGENT_REFUSED, error, hint="read the agent's log for the details")
        said = agent.attributes.get(MODE_ATTRIBUTE)
        if said is not None and said != mode:
            raise Errored(
                Kind.WRONG_MODE,
                f"the agent is in {said} mode, and this is a {mode} run",
                hint="check that nothing else sets `text_mode` in the job's metadata",
            )
        if mode is Mode.TEXT and switch == "dispatch" and agent.audio_tracks:
            raise Errored(
                Kind.WRONG_MODE,
                "the agent publishes audio in a text run",
                hint="use wrap_entrypoint; text by dispatch needs livekit-agents 1.6.6 or later, and an agent that "
                "publishes no audio itself",
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
    needs_signature: bool = False,
) -> Readiness:
    """Decide whether the evaluator may join.

    Args:
        agents: of `agents_in`.
        mode: of the run.
        switch: how text mode is reached.
        active_for: seconds since the agent was first listed as ACTIVE.
        text_for: seconds since it was first listed with ``cekura.mode``.
        patience: seconds for which an ACTIVE agent may lack ``cekura.mode``.
        timing: seconds for the other attributes.
        needs_signature: the run replaces tools, so the agent must have accepted its signature.

    Raises:
        Errored: as `refuse`; or the agent never set ``cekura.mode``.
    """
    if needs_signature:
        _refuse_refusal_of_tools(agents)
    refuse(agents, mode=mode, switch=switch)
    if not agents or agents[0].state != "active":
        return Readiness(False)
    attributes = agents[0].attributes
    if needs_signature and not _is_signed(attributes, is_late=active_for >= patience):
        return Readiness(False)
    if mode is Mode.VOICE:
        # An agent that greets its caller publishes nothing before; one that refuses sets its error at once.
        return _ready(attributes) if MODE_ATTRIBUTE in attributes else Readiness(active_for >= timing.attributes)
    if switch == "dispatch":
        return Readiness(_AGENT_STATE in attributes or active_for >= timing.proof, (SIMULATION_LACKS,))
    if MODE_ATTRIBUTE not in attributes:
        # A session that started without it is not wrapped; before a session, the start may be slow.
        if active_for < (timing.attributes if _AGENT_STATE in attributes else patience):
            return Readiness(False)
        raise Errored(
            Kind.WRONG_MODE,
            f"the agent did not confirm text mode ({MODE_ATTRIBUTE} is missing)",
            hint=f"wrap its entrypoint with wrap_entrypoint{' and restart its worker' if not attributes else ''}, "
            f"or set `text_switch: dispatch`; where it has tests='signed', give both sides the same {KIT_SECRET}"
            if KIT_ATTRIBUTE not in attributes
            else "use the same version of cekura-agent-kit in the agent and here",
        )
    if attributes.get(PROOF_ATTRIBUTE) == TEXT_ONLY:
        return _ready(attributes)
    if text_for < timing.proof:
        return Readiness(False)
    return _ready(
        attributes,
        "no text proof before the start: the agent had not started its session; it may wait for its caller",
    )


def not_ready(agents: Sequence[Participant], seconds: float) -> Errored:
    """Return the outcome of a run whose job was accepted, and whose agent was not ready for so many seconds."""
    waited = f"within {seconds:.0f} s"
    if agents:
        return Errored(
            Kind.AGENT_MISSING,
            f"the agent joined, and was not ready {waited} (it is {agents[0].state})",
            hint="raise `agent_timeout`, or read in the worker's log what its start waits for",
        )
    return Errored(
        Kind.AGENT_MISSING,
        f"a worker accepted the job, and no agent joined the room {waited}",
        hint="read the worker's log: an entrypoint that raised or returned early, or a process that started "
        "slowly; raise `agent_timeout` for slow machines",
    )


def _is_signed(attributes: Mapping[str, str], *, is_late: bool) -> bool:
    """Return True once the agent has accepted the signature, without which its tools would really run.

    Raises:
        Errored: it has not, and will not any more.
    """
    signature = signature_of(attributes)
    if not signature.accepted and (KIT_ATTRIBUTE in attributes or is_late):
        raise Errored(Kind.NOT_SIGNED, f"the suite replaces tools, and {signature.fault}", hint=signature.hint)
    return bool(signature.accepted)


def _refuse_refusal_of_tools(agents: Sequence[Participant]) -> None:
    """Name an agent that has refused doubles of its tools. Raises Errored."""
    for agent in agents:
        error = agent.attributes.get(ERROR_ATTRIBUTE)
        if error and not signature_of(agent.attributes).accepted:
            raise Errored(Kind.NOT_SIGNED, error, hint=f"give both sides the same {KIT_SECRET}")


def _ready(attributes: Mapping[str, str], *notes: str) -> Readiness:
    """Return the readiness of an agent that is wrapped."""
    signature = signature_of(attributes)
    if signature.fault:
        notes += (f"{signature.fault} ({signature.hint})",)
    return Readiness(True, notes, attributes)
