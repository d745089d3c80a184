"""What speaks in the place of the agent's own model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livekit.agents import llm


def model_of(asked: llm.LLM[Any] | str | Path | None, folders: Sequence[Path]) -> llm.LLM[Any] | None:
    """The model that was asked for; None leaves the agent its own."""
    return asked  # type: ignore[return-value]
