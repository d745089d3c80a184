"""The sandbox's speech recognizer: pocketsphinx with a grammar of known sentences, in a process of its own.

Recognition takes about 0.1 s of a core for each utterance, and keeps Python's lock. Therefore `Speech` runs this module
as a program (``python -m cekura_agent_kit.sandbox.channels.recognizer``). A request on stdin is one line of JSON,
``{"learn": [text, …], "rate": int, "bytes": n}``, and n bytes of 16-bit mono PCM. The answer on stdout is one line of
JSON, ``{"text": str}``.
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

from .pcm import RATE as SPEECH_RATE
from .pcm import resampled
from .synthesizer import Synthesizer

_RATE: Final = 16_000
_MOST_SENTENCES: Final = 400
"""Sentences known at the same time; the oldest are dropped first."""
_LENGTH_RATIO: Final = (0.9, 1.8)
"""Limits for the length of a recognized sentence, relative to its length when synthesized: a grammar finds a sentence
in any sound. Measured: 1.0 to 1.5 for known sentences, whose last sounds include some of the pause after them, and 0.2
to 0.9 for others."""
_COVERED: Final = 0.5
"""Part of the sound that the recognized sentences must cover; otherwise nothing is recognized."""
_QUIET: Final = 250
"""Root mean square, of 32,768, below which 20 ms are a pause. Espeak's pauses are near 0, its speech 2,000."""

_NOISE: Final = 30
_PIECE: Final = _RATE // 100
_MARGIN: Final = 15
"""Pieces of 10 ms kept around speech."""
_PAUSE: Final = 6
"""Pieces of 10 ms to which a pause is cut. Its length has no meaning, and takes time to process."""
_BEAMS: Final = {"beam": 1e-60, "pbeam": 1e-60, "wbeam": 1e-40}
"""Probability at which the decoder drops a path. With its own, narrower values one sentence in a hundred lost its last
sound, and was not recognized."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)\s+")


@dataclass(frozen=True)
class _Sentence:
    text: str
    words: tuple[str, ...]
    """Its words' names in the dictionary. No two sentences share one, so that a name identifies the sentence."""
    length: float
    """Seconds of its sound without pauses."""


class Recognizer:
    """Recognizes the sentences that it has learned, one or several in a row, and nothing else."""

    def __init__(self) -> None:
        self._synthesizer = Synthesizer()
        self._sentences: dict[str, _Sentence] = {}
        """By their phones: what sounds the same is one sentence."""
        self._number = 0
        self._grammar_loaded = False
        with tempfile.NamedTemporaryFile(suffix=".dict") as empty:
            # The model's own dictionary has other pronunciations, and takes longer to load than speech to recognize.
            self._decoder: Any = Decoder(
                hmm=get_model_path("en-us/en-us"), lm=None, dict=empty.name, samprate=_RATE, loglevel="FATAL", **_BEAMS
            )

    def learn(self, text: str) -> None:
        """Add the sentences of a text."""
        for sentence in sentences(text):
            words = self._synthesizer.pronounce(sentence)
            phones = " | ".join(words)
            if not words or phones in self._sentences:
                continue
            self._number += 1
            names = tuple(f"s{self._number}w{place}" for place in range(len(words)))
            for name, word in zip(names, words, strict=True):
                self._decoder.add_word(name, word, False)
            length = loud_seconds(self._synthesizer.synthesize(sentence), SPEECH_RATE)
            self._sentences[phones] = _Sentence(sentence, names, length)
            self._grammar_loaded = False
        while len(self._sentences) > _MOST_SENTENCES:
            del self._sentences[next(iter(self._sentences))]

    def recognize(self, pcm: bytes, rate: int) -> str:
        """Return the learned sentences in a recording, as they were written; empty if there are none."""
        speech = trimmed(resampled(pcm, rate, _RATE))
        if not self._sentences or not speech:
            return ""
        if not self._grammar_loaded:
            grammar = " | ".join(" ".join(sentence.words) for sentence in self._sentences.values())
            rules = f"#JSGF V1.0; grammar known; public <speech> = <sentence>+; <sentence> = {grammar};"
            self._decoder.add_jsgf_string("known", rules)
            self._decoder.activate_search("known")
            self._grammar_loaded = True
        self._decoder.start_utt()
        self._decoder.process_raw(speech, False, True)
        self._decoder.end_utt()
        recognized = self._complete_sentences() if self._decoder.hyp() else []
        covered = sum(sentence.length for sentence in recognized)
        if covered < _COVERED * loud_seconds(speech, _RATE):
            return ""
        return " ".join(sentence.text for sentence in recognized)

    def _complete_sentences(self) -> list[_Sentence]:
        """Return the sentences with all of their words, and of a plausible length."""
        by_word = {sentence.words[0]: sentence for sentence in self._sentences.values()}
        segments = [each for each in self._decoder.seg() if re.match(r"s\d+w\d+", each.word)]
        complete = []
        while segments:
            sentence = by_word.get(word_name(segments[0].word))
            count = len(sentence.words) if sentence else 1
            words, segments = segments[:count], segments[count:]
            if sentence is None or tuple(word_name(each.word) for each in words) != sentence.words:
                continue
            length = sum(each.end_frame - each.start_frame + 1 for each in words) / 100
            if _LENGTH_RATIO[0] <= length / sentence.length <= _LENGTH_RATIO[1]:
                complete.append(sentence)
        return complete


def word_name(word: str) -> str:
    """Return a word of the dictionary without the number of its pronunciation: ``s1w2`` for ``s1w2(3)``."""
    return word.partition("(")[0]


def sentences(text: str) -> list[str]:
    """Split a text after full stops, question and exclamation marks, but not after ``Mrs.`` and the like."""
    return [" ".join(each.split()) for each in _SENTENCE_END.split(text) if each.strip()]


def trimmed(pcm: bytes) -> bytes:
    """Remove the silence at both ends, shorten pauses, and add a little noise. Silence becomes empty.

    Silence shifts the decoder's normalization, and digital silence has no spectrum: with both, half of the sentences
    were lost. Pauses within a word come from overloaded machines.
    """
    samples = np.frombuffer(pcm, dtype=np.int16)
    pieces = samples[: len(samples) // _PIECE * _PIECE].reshape(-1, _PIECE)
    loud = np.flatnonzero(_loudness(pieces) > _QUIET)
    if not len(loud):
        return b""
    pieces = np.pad(pieces, ((_MARGIN, _MARGIN), (0, 0)))[loud[0] : loud[-1] + 1 + 2 * _MARGIN]
    silent = _loudness(pieces) < _QUIET / 2
    # Remove a piece if it and the six before it are silent.
    long_silent = np.convolve(silent, np.ones(_PAUSE + 1), mode="full")[: len(silent)] > _PAUSE
    long_silent[: 2 * _MARGIN] = long_silent[-2 * _MARGIN :] = False
    kept = pieces[~long_silent].ravel()
    noise = np.random.default_rng(0).normal(0, _NOISE, len(kept))
    return bytes((kept + noise).clip(-32768, 32767).astype(np.int16).tobytes())


def loud_seconds(pcm: bytes, rate: int) -> float:
    """Return the seconds of 16-bit mono PCM that are not pauses; at least 0.02."""
    samples = np.frombuffer(pcm, dtype=np.int16)
    size = rate // 50
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    return max(0.02, 0.02 * np.count_nonzero(_loudness(pieces) > _QUIET))


def _loudness(pieces: Any) -> Any:
    """Return the root mean square of each row."""
    return np.sqrt((pieces.astype(np.float32) ** 2).mean(axis=1))


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Output of the libraries goes to stderr, not among the answers.
    os.dup2(2, 1)
    recognizer = Recognizer()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        pcm = sys.stdin.buffer.read(request["bytes"])
        for text in request["learn"]:
            recognizer.learn(text)
        answers.write(json.dumps({"text": recognizer.recognize(pcm, request["rate"])}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
