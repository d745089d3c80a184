"""State that a suite gives to the agent: keys of the metadata of its job and of its room. Pure.

As in rooms that Cekura makes itself: ``scenario_id`` and ``test_profile_data`` stand in the job's metadata, and the
agent's configuration in the room's, at the top level. So the vendor's ``get_simulation_data()`` and
``is_simulation_call()`` return the same in both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ...contract import TEST_PROFILE_KEY
from ...errors import MetadataError
from ...job_keys import SCENARIO_ID_KEY

MAX_ROOM_BYTES: Final = 60_000
"""Size of a suite's `room_metadata`: LiveKit's own limit is 64,000, and the kit's mark is added to it."""
MAIN_PART: Final = "main_agent_variables"
TESTING_PART: Final = "testing_agent_variables"


def main_agent_part(information: Mapping[str, Any]) -> dict[str, Any]:
    """Return the agent's part of a test profile: ``main_agent_variables``, or all of a flat one.

    Raises:
        ValueError: ``main_agent_variables`` is not a mapping.
    """
    if not information.keys() & {MAIN_PART, TESTING_PART}:
        return dict(information)
    part = information.get(MAIN_PART, {})
    if not isinstance(part, Mapping):
        raise ValueError(f"{MAIN_PART} is {json.dumps(part, default=str)[:60]}, not a mapping")
    return dict(part)


def job_keys(own: Mapping[str, Any], *, scenario: int | None, profile: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of a job's metadata beside the kit's own.

    Args:
        own: the suite's metadata; its keys win.
        scenario: Cekura's scenario id.
        profile: the agent's part of the test profile; None for none.
    """
    given: dict[str, Any] = {} if scenario is None else {SCENARIO_ID_KEY: scenario}
    return given | ({TEST_PROFILE_KEY: dict(profile)} if profile is not None else {}) | dict(own)


def note_on_scenario_id(own: Mapping[str, Any], scenario: int) -> str:
    """Return a note on metadata that names another scenario than the run's; empty if it does not."""
    if own.get(SCENARIO_ID_KEY, scenario) == scenario:
        return ""
    return f"the metadata has a {SCENARIO_ID_KEY!r} of its own, which the agent reads in the place of {scenario}"


def check_room_metadata(metadata: Mapping[str, Any]) -> None:
    """Check that a room's metadata can be sent. Raises MetadataError with its size."""
    size = len(json.dumps(dict(metadata)).encode(errors="surrogatepass"))
    if size > MAX_ROOM_BYTES:
        raise MetadataError(
            f"room metadata: {size} bytes, and that of a test has {MAX_ROOM_BYTES} at most",
            hint="give the room less: an address or an id, by which the agent reads the rest",
        )
