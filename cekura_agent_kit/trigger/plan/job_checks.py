"""Checks of what a suite gives to the agent: metadata of job and room, test profile and tools. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...contract import TEST_PROFILE_KEY, Mode
from ...errors import KitError, MetadataError, SuiteError
from ...permit import Permit
from .given_state import check_room_metadata, job_keys


@dataclass(frozen=True, kw_only=True)
class GivenState:
    """State and tools that one entry gives to the agent, merged over the suite's; see the keys of the suite file."""

    scenario: int
    metadata: Mapping[str, Any]
    room_metadata: Mapping[str, Any]
    test_profile: Mapping[str, Any] | bool
    tools: Mapping[str, Any]


def faults_of(state: GivenState, permit: Permit, *, by_dispatch: bool) -> Iterator[tuple[str, KitError]]:
    """Yield what cannot be sent to the agent, each with the key at fault.

    Args:
        state: of the entry.
        permit: of a run of it; its room, and what the state has, do not count.
        by_dispatch: the agent is switched to text by its dispatch.
    """
    if state.tools and by_dispatch and permit.mode is Mode.TEXT:
        yield (
            "tools",
            SuiteError(
                "`text_switch: dispatch` is for agents that are not wrapped, and their tools always run",
                hint="wrap the agent with wrap_entrypoint and remove `text_switch`, or remove `tools`",
            ),
        )
    if state.test_profile is not False and TEST_PROFILE_KEY in state.metadata:
        yield (
            "test_profile",
            SuiteError(
                f"the metadata has a {TEST_PROFILE_KEY!r} of its own",
                hint="remove one of them",
            ),
        )
    profile = None if isinstance(state.test_profile, bool) else state.test_profile
    try:
        job = job_keys(state.metadata, scenario=state.scenario, profile=profile)
        replace(permit, tools=state.tools).check_size(job)
    except MetadataError as error:
        parts = {"tools": state.tools, "metadata": state.metadata, "test_profile": profile}
        yield max(parts, key=lambda name: len(json.dumps(parts[name]))), error
    try:
        check_room_metadata(state.room_metadata)
    except MetadataError as error:
        yield "room_metadata", error
