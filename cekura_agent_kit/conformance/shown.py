"""Clauses about what an agent shows of itself, the same in text and in voice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..contract import (
    ERROR_ATTRIBUTE,
    KIT_ATTRIBUTE,
    MODE_ATTRIBUTE,
    SIGNED,
    SIGNED_ATTRIBUTE,
    TESTS_ATTRIBUTE,
    Mode,
)
from ..trigger.rooms.service import Participant
from .clauses import Record

ATTRIBUTES: Final = (KIT_ATTRIBUTE, MODE_ATTRIBUTE, SIGNED_ATTRIBUTE, TESTS_ATTRIBUTE)
"""Attributes that an agent sets as soon as it is connected."""
_TESTS: Final = ("any", "signed")


def note_joined(record: Record, agents: Sequence[Participant], *, agent_name: str, patience: float) -> bool:
    """Note who joined. Returns False if nothing more can be checked."""
    if len(agents) > 1:
        record.missing("joins", f"{len(agents)} agents joined: {', '.join(each.identity for each in agents)}")
    elif not agents:
        record.missing(
            "joins", f"no agent was active in the room within {patience:g} s after the dispatch of {agent_name!r}"
        )
    else:
        record.ok("joins", agents[0].identity)
    return len(agents) == 1


def note_attributes(record: Record, attributes: Mapping[str, str], mode: Mode) -> bool:
    """Note the attributes of an agent that was dispatched with a signed test. Returns False if it refused the test."""
    error = attributes.get(ERROR_ATTRIBUTE, "")
    record.note("accepts", not error, ok="no cekura.error", missing=f"cekura.error: {error}")
    kit = attributes.get(KIT_ATTRIBUTE, "")
    record.note("cekura.kit", bool(kit), ok=kit, missing="it is not set")
    shown = attributes.get(MODE_ATTRIBUTE, "")
    record.note("cekura.mode", shown == mode, ok=shown, missing=f"it is {shown!r}" if shown else "it is not set")
    signed = attributes.get(SIGNED_ATTRIBUTE, "")
    unset = f"it is not set: kit {kit} verifies no signature" if kit else "it is not set"
    record.note("cekura.signed", signed == SIGNED, ok=signed, missing=signed or unset)
    tests = attributes.get(TESTS_ATTRIBUTE, "")
    record.note("cekura.tests", tests in _TESTS, ok=tests, missing=f"it is {tests!r}" if tests else "it is not set")
    return not error
