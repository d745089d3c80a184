"""Checks of what a suite sends to the agent in its job: metadata and the behaviour of tools. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contract import Mode
from ..errors import SuiteError
from ..permit import Key, Permit


def check_job(permit: Permit, metadata: Mapping[str, Any], *, by_dispatch: bool) -> None:
    """Check that the doubles can reach the agent, and that a run's whole metadata can be sent.

    Args:
        permit: of the run; the room does not count.
        metadata: the run's own.
        by_dispatch: the agent is switched to text by its dispatch.

    Raises:
        SuiteError: without its place.
        MetadataError: the metadata is too large, `tools` included.
    """
    if permit.tools and by_dispatch and permit.mode is Mode.TEXT:
        raise SuiteError(
            "`text_switch: dispatch` is for agents that are not wrapped, and their tools always run",
            hint="wrap the agent with wrap_entrypoint and remove `text_switch`, or remove `tools`",
        )
    permit.job_metadata(metadata, key=Key("size", "x" * 64), ttl=1)
