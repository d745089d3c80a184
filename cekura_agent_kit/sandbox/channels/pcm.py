"""Format of sound in the sandbox: 16-bit mono PCM."""

from __future__ import annotations

from typing import Final

RATE: Final = 24_000
"""Samples a second of synthesized speech; also OpenAI's rate for ``pcm``."""
