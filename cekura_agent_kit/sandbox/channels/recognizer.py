"""The sandbox's ears: pocketsphinx, with a grammar of the sentences that it may be told. A process of its own.

Recognition takes about 0.1 s of a core a line and holds Python's lock meanwhile, so `Speech` runs this module as a
program (``python -m cekura_agent_kit.sandbox.channels.recognizer``). It reads requests from stdin and answers on
stdout, a line of JSON each: ``{"learn": [text, …], "rate": int, "bytes": n}`` and n bytes of 16-bit mono PCM;
``{"text": str}``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pocketsphinx import Decoder, get_model_path

from .speech import RATE as VOICE_RATE
from .synthesizer import Synthesizer, resampled

_RATE: Final = 16_000
_MOST: Final = 400
"""Sentences known at once; the oldest are forgotten first."""
_LIKE: Final = (0.9, 1.8)
"""How long a sentence may have lasted, against the voice's own: a grammar would hear one in anything else, too.
Seen: known sentences 1.0 to 1.5 (last sounds take in some of the pause behind them), others 0.2 to 0.9."""
_EXPLAINED: Final = 0.5
"""How much of the sound the sentences must make up, for something to have been heard."""
_QUIET: Final = 250
"""Loudness (root mean square, of 32,768) below which 20 ms are a pause; espeak's are near 0, its speech 2,000."""

_NOISE: Final = 30
_PIECE: Final = _RATE // 100
_MARGIN: Final = 15
"""Pieces of 10 ms kept around speech."""
_PAUSE: Final = 6
"""Pieces of 10 ms that a pause may last. The length of a pause tells nothing, and takes time to hear."""
_BEAMS: Final = {"beam": 1e-60, "pbeam": 1e-60, "wbeam": 1e-40}
"""How unlikely a way may become before it is given up. With the decoder's own, which are narrower, one line in a
hundred lost its last sound, and was not heard."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)\s+")


@dataclass(frozen=True)
class _Sentence:
    text: str
    words: tuple[str, ...]
    """Its names of words in the dictionary: each sentence has its own, so that they tell which one was heard."""
    length: float
    """Seconds of sound in it."""


class Recognizer:
    """Hears the sentences that it has learned, one or several in a row; hears nothing in anything else."""

    def __init__(self) -> None:
        self._voice = Synthesizer()
        self._sentences: dict[str, _Sentence] = {}
        """By the phones: what sounds the same is one sentence."""
        self._number = 0
        self._ready = False
        with tempfile.NamedTemporaryFile(suffix=".dict") as empty:
            # The model's own dictionary takes longer to load than a line takes to hear, and says words otherwise.
            self._decoder: Any = Decoder(
                hmm=get_model_path("en-us/en-us"), lm=None, dict=empty.name, samprate=_RATE, loglevel="FATAL", **_BEAMS
            )

    def learn(self, text: str) -> None:
        """Know the sentences of this text from now on."""
        for sentence in sentences(text):
            words = self._voice.pronounce(sentence)
            sound = " | ".join(words)
            if not words or sound in self._sentences:
                continue
            self._number += 1
            names = tuple(f"s{self._number}w{place}" for place in range(len(words)))
            for name, phones in zip(names, words, strict=True):
                self._decoder.add_word(name, phones, False)
            length = loud_seconds(self._voice.speak(sentence), VOICE_RATE)
            self._sentences[sound] = _Sentence(sentence, names, length)
            self._ready = False
        while len(self._sentences) > _MOST:
            del self._sentences[next(iter(self._sentences))]

    def hear(self, pcm: bytes, rate: int) -> str:
        """The sentences in this sound, in the words in which they were learned; empty where there are none."""
        speech = trimmed(resampled(pcm, rate, _RATE))
        if not self._sentences or not speech:
            return ""
        if not self._ready:
            grammar = " | ".join(" ".join(sentence.words) for sentence in self._sentences.values())
            rules = f"#JSGF V1.0; grammar lines; public <talk> = <line>+; <line> = {grammar};"
            self._decoder.add_jsgf_string("lines", rules)
            self._decoder.activate_search("lines")
            self._ready = True
        self._decoder.start_utt()
        self._decoder.process_raw(speech, False, True)
        self._decoder.end_utt()
        heard = self._whole_sentences() if self._decoder.hyp() else []
        explained = sum(sentence.length for sentence in heard)
        if explained < _EXPLAINED * loud_seconds(speech, _RATE):
            return ""
        return " ".join(sentence.text for sentence in heard)

    def _whole_sentences(self) -> list[_Sentence]:
        """Sentences that were heard from their first word to their last, and lasted as long as they should."""
        by_word = {sentence.words[0]: sentence for sentence in self._sentences.values()}
        segments = [each for each in self._decoder.seg() if re.match(r"s\d+w\d+", each.word)]
        heard = []
        while segments:
            sentence = by_word.get(bare(segments[0].word))
            count = len(sentence.words) if sentence else 1
            taken, segments = segments[:count], segments[count:]
            if sentence is None or tuple(bare(each.word) for each in taken) != sentence.words:
                continue
            lasted = sum(each.end_frame - each.start_frame + 1 for each in taken) / 100
            if _LIKE[0] <= lasted / sentence.length <= _LIKE[1]:
                heard.append(sentence)
        return heard


def bare(word: str) -> str:
    """A word of the dictionary without the mark of its pronunciation: ``s1w2(3)`` is ``s1w2``."""
    return word.partition("(")[0]


def sentences(text: str) -> list[str]:
    """The text cut behind full stops, question and exclamation marks, but not behind ``Mrs.`` and the like."""
    return [" ".join(each.split()) for each in _SENTENCE_END.split(text) if each.strip()]


def trimmed(pcm: bytes) -> bytes:
    """Without the silence before and behind, with short pauses between, and with a little noise; empty in silence.

    Silence shifts what the recogniser takes for normal, and digital silence has no spectrum at all: with both, half of
    the lines were lost. Pauses in the middle of a word come from machines with too much to do.
    """
    samples = np.frombuffer(pcm, dtype=np.int16)
    pieces = samples[: len(samples) // _PIECE * _PIECE].reshape(-1, _PIECE)
    loud = np.flatnonzero(_loudness(pieces) > _QUIET)
    if not len(loud):
        return b""
    pieces = np.pad(pieces, ((_MARGIN, _MARGIN), (0, 0)))[loud[0] : loud[-1] + 1 + 2 * _MARGIN]
    silent = _loudness(pieces) < _QUIET / 2
    # A piece goes where it and the five before it are silent.
    long_silent = np.convolve(silent, np.ones(_PAUSE + 1), mode="full")[: len(silent)] > _PAUSE
    long_silent[: 2 * _MARGIN] = long_silent[-2 * _MARGIN :] = False
    kept = pieces[~long_silent].ravel()
    noise = np.random.default_rng(0).normal(0, _NOISE, len(kept))
    return bytes((kept + noise).clip(-32768, 32767).astype(np.int16).tobytes())


def loud_seconds(pcm: bytes, rate: int) -> float:
    """How much of this 16-bit mono PCM is no pause, in seconds; never quite nothing."""
    samples = np.frombuffer(pcm, dtype=np.int16)
    size = rate // 50
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    return max(0.02, 0.02 * np.count_nonzero(_loudness(pieces) > _QUIET))


def _loudness(pieces: Any) -> Any:
    """The root mean square of each row."""
    return np.sqrt((pieces.astype(np.float32) ** 2).mean(axis=1))


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # What the libraries print must not stand among the answers.
    os.dup2(2, 1)
    ears = Recognizer()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        pcm = sys.stdin.buffer.read(request["bytes"])
        for text in request["learn"]:
            ears.learn(text)
        answers.write(json.dumps({"text": ears.hear(pcm, request["rate"])}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
