"""Cuts what is heard into stretches of speech, by its loudness."""

from __future__ import annotations

from typing import Final

import numpy as np

_LOUD: Final = 250
"""Root mean square, of 32,768, from which sound is speech. Espeak's pauses are below 30 after Opus,
its speech about 2,000."""
_PAUSE: Final = 0.5
"""Seconds of silence that end a stretch. Pauses between espeak's sentences are 0.3, those between two pieces of speech
that an agent makes one after the other 0.1 to 0.4."""
_LEAD: Final = 0.3
"""Seconds kept before the first sound: it begins softly."""
_LONGEST: Final = 60.0
"""Seconds after which a stretch is cut, whatever comes."""


class TalkSegments:
    """Takes sound as it comes, and gives each stretch of speech when it has ended.

    Args:
        rate: samples a second of the 16-bit mono PCM that it is given.

    Attributes:
        lasting: seconds for which somebody has been speaking now, short pauses included; 0 in silence.
        ever: whether there was any speech.
    """

    def __init__(self, rate: int) -> None:
        self.ever = False
        self._bytes_a_second = 2 * rate
        self._sound = bytearray()
        self._start: float | None = None
        self._silence = 0.0

    @property
    def lasting(self) -> float:
        """See the class."""
        return len(self._sound) / self._bytes_a_second if self._start is not None else 0.0

    def push(self, pcm: bytes, now: float) -> tuple[bytes, float, float] | None:
        """Take the next 10 to 100 ms.

        Args:
            pcm: 16-bit mono PCM.
            now: the clock at its end, in seconds.

        Returns:
            A stretch of speech that has ended with it: its sound, its start and its end by the same clock.
        """
        if not pcm:
            return None
        length = len(pcm) / self._bytes_a_second
        samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
        loud = float(np.sqrt((samples**2).mean())) > _LOUD
        self._sound += pcm
        self._silence = 0.0 if loud else self._silence + length
        if loud and self._start is None:
            self._start, self.ever = now - length, True
        if self._start is None:
            del self._sound[: -2 * int(_LEAD * self._bytes_a_second / 2)]
            return None
        if self._silence < _PAUSE and self.lasting < _LONGEST:
            return None
        stretch = bytes(self._sound), self._start, now - self._silence
        self._sound.clear()
        self._start = None
        return stretch
