"""A report in a real browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from playwright.async_api import Page, expect


@dataclass
class Opened:
    """A report in a browser, and everything that it should not have done."""

    page: Page
    wrong: list[str] = field(default_factory=list)
    """Console messages, errors, and requests for anything but the file itself."""


# A loaded machine is slow, not wrong.
expect.set_options(timeout=30_000)

Open = Callable[..., Awaitable[Opened]]
"""Type of the fixture `open_report`."""
