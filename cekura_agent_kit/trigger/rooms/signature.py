"""Signature of a test as the agent sees it, by the agent's attributes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ... import __version__
from ...contract import KIT_ATTRIBUTE, SIGNED, SIGNED_ATTRIBUTE, TESTS_ATTRIBUTE
from ...permit import KIT_SECRET


@dataclass(frozen=True)
class Signature:
    """An agent's answer to the test's permit.

    Attributes:
        accepted: the permit held; None if the agent did not say.
        tests: the tests that the agent accepts, ``any`` or ``signed``; empty if it did not say.
        fault: why the permit does not count; empty if it does.
        hint: what to do about it.
    """

    accepted: bool | None
    tests: str = ""
    fault: str = ""
    hint: str = ""


def signature_of(attributes: Mapping[str, str]) -> Signature:
    """Return the answer of an agent with these attributes."""
    kit, tests = attributes.get(KIT_ATTRIBUTE), attributes.get(TESTS_ATTRIBUTE, "")
    signed = attributes.get(SIGNED_ATTRIBUTE)
    if kit is None:
        return Signature(
            None,
            fault="the agent shows nothing of cekura-agent-kit: it is not wrapped, or treats this test as a real call",
            hint="wrap its entrypoint with wrap_entrypoint; where it has tests='signed', give both sides the same "
            f"{KIT_SECRET}, and read the worker's log",
        )
    if signed is None:
        return Signature(
            False,
            fault=f"the agent has cekura-agent-kit {kit}, which verifies no signature, and sends no tool calls",
            hint=f"install cekura-agent-kit {__version__} where the agent runs",
        )
    if signed != SIGNED:
        return Signature(
            False,
            tests,
            fault=f"the agent does not accept this test's signature: {signed}",
            hint=f"give both sides the same {KIT_SECRET}: here, and where the agent runs",
        )
    return Signature(True, tests)
