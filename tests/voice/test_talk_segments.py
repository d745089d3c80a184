"""Where speech begins and ends, by its loudness."""

from __future__ import annotations

import numpy as np

from cekura_agent_kit.sandbox.channels.segments import TalkSegments

RATE = 16_000


def loud(seconds: float) -> bytes:
    return (3000 * np.sin(np.arange(int(seconds * RATE)) * 0.2)).astype(np.int16).tobytes()


def quiet(seconds: float) -> bytes:
    return np.random.default_rng(1).normal(0, 30, int(seconds * RATE)).astype(np.int16).tobytes()


def cut(talk: TalkSegments, sound: bytes, piece: float = 0.01) -> list[tuple[bytes, float, float]]:
    size = 2 * int(piece * RATE)
    pieces = range(0, len(sound), size)
    pushed = [talk.push(sound[at : at + size], (at + size) / 2 / RATE) for at in pieces]
    return [each for each in pushed if each]


def test_silence_is_no_speech() -> None:
    talk = TalkSegments(RATE)
    assert cut(talk, quiet(5)) == []
    assert (talk.ever, talk.lasting) == (False, 0.0)


def test_a_stretch_ends_with_a_pause_and_keeps_its_beginning() -> None:
    talk = TalkSegments(RATE)
    ((sound, start, end),) = cut(talk, quiet(1) + loud(2) + quiet(1))
    assert (round(start, 1), round(end, 1)) == (1.0, 3.0)
    assert 2.7 < len(sound) / 2 / RATE < 2.9
    assert loud(2) in sound
    assert (talk.ever, talk.lasting) == (True, 0.0)


def test_a_short_pause_ends_nothing() -> None:
    assert len(cut(TalkSegments(RATE), loud(1) + quiet(0.4) + loud(1) + quiet(1))) == 1
    assert len(cut(TalkSegments(RATE), loud(1) + quiet(0.7) + loud(1) + quiet(1))) == 2


def test_who_speaks_at_once_and_goes_on_is_cut_after_a_minute() -> None:
    talk = TalkSegments(RATE)
    stretches = cut(talk, loud(61), piece=0.1)
    assert [round(end - start) for _, start, end in stretches] == [60]
    assert 0.5 < talk.lasting <= 1.1


def test_pieces_of_any_length_will_do() -> None:
    talk = TalkSegments(RATE)
    assert talk.push(b"", 0) is None
    assert len(cut(talk, loud(1) + quiet(2), piece=0.3)) == 1
