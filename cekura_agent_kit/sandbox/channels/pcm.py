"""Sound in the sandbox: 16-bit mono PCM."""

from __future__ import annotations

from typing import Final

import numpy as np

RATE: Final = 24_000
"""Samples a second of synthesized speech; also OpenAI's rate for ``pcm``."""


def resampled(pcm: bytes, rate: int, wanted: int) -> bytes:
    """Convert 16-bit mono PCM to another rate, with linear interpolation: good enough for speech."""
    if rate == wanted or not pcm:
        return pcm
    samples = np.frombuffer(pcm, dtype=np.int16)
    places = np.arange(len(samples) * wanted // rate) * (rate / wanted)
    return bytes(np.interp(places, np.arange(len(samples)), samples).astype(np.int16).tobytes())
