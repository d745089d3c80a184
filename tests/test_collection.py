"""Garbage collection is paused for a step, and goes on after it, whatever happens."""

from __future__ import annotations

import gc

import pytest

from cekura_agent_kit import collection


def fail_in_a_pause() -> None:
    with collection.paused():
        raise RuntimeError(f"collecting: {gc.isenabled()}")


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_afterwards_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(RuntimeError, match="collecting: False"):
            fail_in_a_pause()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
