"""Speech is cut into segments by its loudness."""

from __future__ import annotations

import numpy as np

from cekura_agent_kit.sandbox.channels.segments import SpeechSegmenter

RATE = 16_000


def loud(seconds: float) -> bytes:
    return bytes((3000 * np.sin(np.arange(int(seconds * RATE)) * 0.2)).astype(np.int16).tobytes())


def quiet(seconds: float) -> bytes:
    return np.random.default_rng(1).normal(0, 30, int(seconds * RATE)).astype(np.int16).tobytes()


def cut(segmenter: SpeechSegmenter, sound: bytes, piece: float = 0.01) -> list[tuple[bytes, float, float]]:
    size = 2 * int(piece * RATE)
    pieces = range(0, len(sound), size)
    pushed = [segmenter.push(sound[at : at + size], (at + size) / 2 / RATE) for at in pieces]
    return [each for each in pushed if each]


def test_silence_is_not_speech() -> None:
    segmenter = SpeechSegmenter(RATE)
    assert cut(segmenter, quiet(5)) == []
    assert (segmenter.any_speech, segmenter.current_seconds) == (False, 0.0)


def test_a_segment_ends_with_a_pause_and_keeps_its_beginning() -> None:
    segmenter = SpeechSegmenter(RATE)
    ((sound, start, end),) = cut(segmenter, quiet(1) + loud(2) + quiet(1))
    assert (round(start, 1), round(end, 1)) == (1.0, 3.0)
    assert 2.7 < len(sound) / 2 / RATE < 2.9
    assert loud(2) in sound
    assert (segmenter.any_speech, segmenter.current_seconds) == (True, 0.0)


def test_a_short_pause_ends_nothing() -> None:
    assert len(cut(SpeechSegmenter(RATE), loud(1) + quiet(0.4) + loud(1) + quiet(1))) == 1
    assert len(cut(SpeechSegmenter(RATE), loud(1) + quiet(0.7) + loud(1) + quiet(1))) == 2


def test_speech_without_a_pause_is_cut_after_a_minute() -> None:
    segmenter = SpeechSegmenter(RATE)
    segments = cut(segmenter, loud(61), piece=0.1)
    assert [round(end - start) for _, start, end in segments] == [60]
    assert 0.5 < segmenter.current_seconds <= 1.1


def test_pieces_may_have_any_length() -> None:
    segmenter = SpeechSegmenter(RATE)
    assert segmenter.push(b"", 0) is None
    assert len(cut(segmenter, loud(1) + quiet(2), piece=0.3)) == 1
