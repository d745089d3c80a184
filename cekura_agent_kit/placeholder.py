"""Value of a key that a test on this machine requires and never uses. It is public, so it signs nothing."""

from __future__ import annotations

from typing import Final

PLACEHOLDER: Final = "a-placeholder-of-cekura-agent-kit"
