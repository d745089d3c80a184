"""Speech segments, cut from sound by its loudness."""

from __future__ import annotations

from typing import Final

import numpy as np

_LOUD: Final = 250
"""Root mean square, of 32,768, from which sound is speech. After Opus espeak's pauses are below 30, and its speech is
about 2,000."""
_PAUSE: Final = 0.5
"""Seconds of silence that end a segment. Pauses between espeak's sentences last 0.3, those between two pieces of speech
that an agent synthesizes one after the other 0.1 to 0.4."""
_LEAD: Final = 0.3
"""Seconds kept before the first loud sound: speech begins softly."""
_LONGEST: Final = 60.0
"""Seconds after which a segment is cut without a pause."""


class SpeechSegmenter:
    """Cuts sound into segments of speech.

    Args:
        rate: samples a second of the sound.

    Attributes:
        any_speech: there has been speech.
    """

    def __init__(self, rate: int) -> None:
        self.any_speech = False
        self._bytes_a_second = 2 * rate
        self._sound = bytearray()
        self._start: float | None = None
        self._silence = 0.0

    @property
    def current_seconds(self) -> float:
        """Length of the segment that has not ended yet, short pauses included; 0 in silence."""
        return len(self._sound) / self._bytes_a_second if self._start is not None else 0.0

    def push(self, pcm: bytes, now: float) -> tuple[bytes, float, float] | None:
        """Add the next 10 to 100 ms of sound.

        Args:
            pcm: 16-bit mono PCM.
            now: time at its end, in seconds.

        Returns:
            The segment that ended with this sound, if one did: PCM, start and end.
        """
        if not pcm:
            return None
        length = len(pcm) / self._bytes_a_second
        samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
        loud = float(np.sqrt((samples**2).mean())) > _LOUD
        self._sound += pcm
        self._silence = 0.0 if loud else self._silence + length
        if loud and self._start is None:
            self._start, self.any_speech = now - length, True
        if self._start is None:
            del self._sound[: -2 * int(_LEAD * self._bytes_a_second / 2)]
            return None
        if self._silence < _PAUSE and self.current_seconds < _LONGEST:
            return None
        return self.end(now)

    def end(self, now: float) -> tuple[bytes, float, float] | None:
        """Return the segment that has not ended yet, as it is at this time; None in silence."""
        if self._start is None:
            return None
        segment = bytes(self._sound), self._start, now - self._silence
        self._sound.clear()
        self._start = None
        return segment
