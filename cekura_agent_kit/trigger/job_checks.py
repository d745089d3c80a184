"""Checks of what a suite sends to the agent in its job: metadata and the behaviour of tools. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contract import Mode
from ..errors import SuiteError
from ..permit import Key, Permit


def check_job(
    tools: Mapping[str, Any], *, metadata: Mapping[str, Any], mode: Mode, by_dispatch: bool, suite: str, case: str
) -> None:
    """Check that the doubles can reach the agent, and that a run's whole metadata can be sent.

    Args:
        tools: behaviour of each tool.
        metadata: the run's own.
        mode: of the run.
        by_dispatch: the agent is switched to text by its dispatch.
        suite: its name.
        case: the longest of the entry's.

    Raises:
        SuiteError: without its place.
        MetadataError: the metadata is too large, `tools` included.
    """
    if tools and by_dispatch and mode is Mode.TEXT:
        raise SuiteError(
            "`text_switch: dispatch` is for agents that are not wrapped, and their tools always run",
            hint="wrap the agent with wrap_entrypoint and remove `text_switch`, or remove `tools`",
        )
    permit = Permit(room="x" * 32, mode=mode, suite=suite, case=case, tools=tools)
    permit.job_metadata(metadata, key=Key("size", "x" * 64), ttl=1)
