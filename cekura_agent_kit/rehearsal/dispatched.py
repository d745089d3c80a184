"""A rehearsed job, as it is dispatched: its metadata, signed as a trigger signs it, and its room's."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypedDict

from ..contract import Mode, parse_object
from ..doubles import behaviours_of
from ..errors import RehearsalError
from ..permit import Key, Permit
from ..trigger.plan.given_state import job_keys, main_agent_part
from ..trigger.plan.simulation import simulation_attributes

_DAY: Final = 86_400.0
"""Seconds for which a rehearsed test is signed: longer than any debugger stops it."""


class Given(TypedDict, total=False):
    """State and tools that a test gives to the agent.

    Keys:
        metadata: the job's metadata, a mapping or the JSON of an object; ``text_mode`` is added, as a trigger does.
        scenario: Cekura's scenario id; ``current_call().scenario_id``.
        suite: ``current_call().suite``.
        tools: what the agent's tools do, by their names: a function that stands for the tool, or as in a suite
            (``{"returns": …}``, ``{"raises": …}``, ``"run"``, ``"refuse"``; ``"*"`` for all others).
        room_metadata: the room's metadata, a mapping or the JSON of an object.
        test_profile: the scenario's test profile; its part for the agent is ``current_call().test_profile_data``.
        seed: ``current_call().seed``; default: random.
        userdata: ``ctx.simulation_context().userdata()``, as in LiveKit's simulator; None: the agent has no simulation.
    """

    metadata: Mapping[str, Any] | str | None
    scenario: int
    suite: str
    tools: Mapping[str, Any] | None
    room_metadata: Mapping[str, Any] | str | None
    test_profile: Mapping[str, Any] | None
    seed: int | None
    userdata: Mapping[str, Any] | None


@dataclass(frozen=True)
class Dispatched:
    """A rehearsed job.

    Attributes:
        text: its metadata.
        secret: has signed it, and is made for it alone; empty if it is not signed.
        fakes: functions that stand for tools.
        room: name of its room.
        room_metadata: of its room.
        seed: of its test.
        attributes: of the job.
    """

    text: str
    secret: str = field(default="", repr=False)
    fakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    room: str = field(default_factory=lambda: f"rehearsal-{os.getpid()}")
    room_metadata: str = ""
    seed: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def dispatched(given: Given) -> Dispatched:
    """Return a job as a trigger dispatches it: in text, signed, with what the test gives to the agent.

    Raises:
        RehearsalError: metadata of the job or the room is a string, and not the JSON of an object; a profile's part for
            the agent is not a mapping; a tool's value is neither a function nor a behaviour as in a suite.
        MetadataError: the metadata sets a reserved key, or is too large.
    """
    scenario, seed = given.get("scenario", 0), given.get("seed")
    tools = given.get("tools") or {}
    fakes = {name: value for name, value in tools.items() if callable(value)}
    room_metadata = _object(given.get("room_metadata"), "room_metadata")
    job = Dispatched(
        "",
        # Nothing that stands in the environment, a placeholder for example, may sign a test.
        secrets.token_hex(32),
        fakes,
        room_metadata=json.dumps(room_metadata) if room_metadata else "",
        seed=secrets.randbelow(2**31) if seed is None else seed,
        attributes=simulation_attributes(Mode.TEXT, given.get("userdata")),
    )
    permit = Permit(
        room=job.room,
        mode=Mode.TEXT,
        scenario=scenario,
        suite=given.get("suite", "rehearsal"),
        case=f"{scenario}#1",
        tools=_behaviours({name: value for name, value in tools.items() if name not in fakes}),
        seed=job.seed,
    )
    own = _object(given.get("metadata"), "metadata")
    keys = job_keys(own, scenario=scenario, profile=_profile(given.get("test_profile")))
    return replace(job, text=permit.job_metadata(keys, key=Key("rehearsal", job.secret), ttl=_DAY))


def _behaviours(tools: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        behaviours_of(tools)
    except ValueError as error:
        raise RehearsalError(f"tools: {error}", hint="give a function, or write it as in a suite") from None
    return tools


def _profile(information: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    try:
        return None if information is None else main_agent_part(information)
    except ValueError as error:
        raise RehearsalError(f"test_profile: {error}", hint="give an object, as a test profile on Cekura") from None


def _object(metadata: Mapping[str, Any] | str | None, name: str) -> Mapping[str, Any]:
    if not isinstance(metadata, str):
        return metadata or {}
    parsed = parse_object(metadata)
    if parsed is None and metadata:
        raise RehearsalError(
            f"{name} {metadata!r} is not a JSON object", hint="in a test, the kit's own keys are added to it"
        )
    return parsed or {}
