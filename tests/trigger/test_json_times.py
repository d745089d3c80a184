"""Times in Cekura's answers: of any shape, or none."""

from __future__ import annotations

from typing import Any

import pytest

from cekura_agent_kit.trigger.json_values import clock_of, moment_of


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-03-01T09:30:00Z", 1772357400.0),
        ("2026-03-01T10:30:00+01:00", 1772357400.0),
        ("2026-03-01T09:30:00", 1772357400.0),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (1772357400, None),
        (None, None),
    ],
)
def test_a_moment_is_read_in_any_zone(value: Any, seconds: float | None) -> None:
    assert moment_of(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [("01:05", 65.0), ("1:01:05", 3665.0), ("65", None), ("a:b", None), (65, None), (None, None)]
)
def test_a_clock_is_read(value: Any, seconds: float | None) -> None:
    assert clock_of(value) == seconds
