"""Keys of a job's metadata that name a test. Each production job imports this, so it imports next to nothing itself."""

from __future__ import annotations

from typing import Final

KIT_KEY: Final = "cekura"
TEXT_MODE_KEY: Final = "text_mode"
SCENARIO_ID_KEY: Final = "scenario_id"
TEST_KEYS: Final = frozenset({KIT_KEY, TEXT_MODE_KEY, SCENARIO_ID_KEY})
"""Metadata with none of them is never a test."""


def metadata_of(context: object) -> str:
    """Return the metadata of the job of a context, or of what only looks like one; empty where there is none."""
    metadata = getattr(getattr(context, "job", None), "metadata", None)
    return metadata if isinstance(metadata, str) else ""


def may_name_test(metadata: str) -> bool:
    """Return False for metadata that has none of `TEST_KEYS`, without parsing it.

    JSON may write a key with escapes, so whatever has a backslash may have one.
    """
    return "\\" in metadata or any(key in metadata for key in TEST_KEYS)
