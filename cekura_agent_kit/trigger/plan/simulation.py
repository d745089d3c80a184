"""The attribute of a job by which LiveKit's simulator tells the agent of its scenario. Pure.

The agent reads it by `JobContext.simulation_context()`, from livekit-agents 1.6.6 on; earlier versions ignore it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...contract import Mode

SIMULATOR_ATTRIBUTE: Final = "lk.simulator.dispatch"
_RUN: Final = "cekura-kit"
"""Id of the simulation's run, without which the agent would have no simulation."""
_MODES: Final = {Mode.TEXT: "SIMULATION_MODE_TEXT", Mode.VOICE: "SIMULATION_MODE_AUDIO"}


def simulation_attributes(
    mode: Mode, userdata: Mapping[str, Any] | None, *, label: str = "", tags: Sequence[str] = ()
) -> dict[str, str]:
    """Return the attributes of a job whose agent finds `userdata` in its simulation context.

    Args:
        mode: of the run.
        userdata: of the scenario; None for no simulation, and so no attributes.
        label: the scenario's name.
        tags: of the scenario, each ``KEY`` or ``KEY:VALUE``.
    """
    if userdata is None:
        return {}
    scenario = {
        "label": label,
        "tags": {key: value for key, _, value in (tag.partition(":") for tag in tags)},
        # A string in the protocol.
        "userdata": json.dumps(userdata),
    }
    return {SIMULATOR_ATTRIBUTE: json.dumps({"simulation_run_id": _RUN, "mode": _MODES[mode], "scenario": scenario})}
