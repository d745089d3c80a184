"""The sandbox's speech synthesizer: espeak-ng over ctypes. Also returns pronunciations."""

from __future__ import annotations

import ctypes
import re
import threading
from functools import lru_cache
from typing import Any, Final

import espeakng_loader

from ...errors import SandboxError
from .pcm import RATE, resampled

_WORDS_A_MINUTE: Final = 200
"""espeak's default is 175. Up to 230 everything is recognized; faster speech makes faster runs."""
_CACHED: Final = 256
"""Texts kept as sound, about 100 kB each: repeats of a run say the same."""

_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF_8: Final = 1
_RATE_PARAMETER: Final = 1
_IPA: Final = 2
_SEPARATOR: Final = "_"

_Callback: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Synthesizer:
    """espeak-ng's American voice.

    The library has one state for the whole process and is not thread-safe: a lock admits one caller at a time. Calls
    release Python's own lock while they work, about 3 ms a text.

    Raises:
        SandboxError: the library cannot be initialized.
    """

    _lock: Final = threading.Lock()

    def __init__(self) -> None:
        self._samples = bytearray()
        # Kept here, because espeak keeps only its address.
        self._callback = _Callback(self._add_samples)
        with self._lock:
            self._espeak: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path().encode()
            self._rate = self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
            if self._rate <= 0 or self._espeak.espeak_SetVoiceByName(b"en-us") != 0:
                raise SandboxError(
                    f"espeak-ng did not start (it answered {self._rate})",
                    hint="install espeakng-loader again: pip install --force-reinstall espeakng-loader",
                )
            self._espeak.espeak_SetParameter(_RATE_PARAMETER, _WORDS_A_MINUTE, 0)
            self._espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.synthesize = lru_cache(_CACHED)(self._synthesize)

    def _synthesize(self, text: str) -> bytes:
        """Return the text as 16-bit mono PCM of `RATE` samples a second."""
        # espeak reads up to the first zero byte.
        encoded = text.replace("\0", " ").encode()
        with self._lock:
            self._samples.clear()
            # Set each time: another `Synthesizer` of this process may have set its own.
            self._espeak.espeak_SetSynthCallback(self._callback)
            self._espeak.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF_8, None, None)
            pcm = bytes(self._samples)
        return resampled(pcm, self._rate, RATE)

    def pronounce(self, text: str) -> list[str]:
        """Return the pronunciation of each word in CMU phones: ``["W EH L K AH M", "T AH"]``."""
        return [phones for word in self._phonemes(text).split() if (phones := _phones_of(word))]

    def _phonemes(self, text: str) -> str:
        rest = ctypes.c_char_p(text.replace("\0", " ").encode())
        clauses = []
        with self._lock:
            # One clause a call; the pointer ends as NULL.
            while rest.value is not None:
                mode = _IPA | ord(_SEPARATOR) << 8
                clauses.append(self._espeak.espeak_TextToPhonemes(ctypes.byref(rest), _UTF_8, mode))
        return " ".join(clause.decode() for clause in clauses)

    def _add_samples(self, samples: Any, count: int, _events: Any) -> int:
        if samples:
            self._samples += ctypes.string_at(samples, count * 2)
        return 0


def _phones_of(word: str) -> str:
    sounds = (re.sub(r"[ˈˌ]", "", sound) for sound in word.split(_SEPARATOR))
    return " ".join(phones for sound in sounds if (phones := _phones_of_sound(sound)))


def _phones_of_sound(sound: str) -> str:
    """Match the longest known sounds first; skip sounds that are not English."""
    phones = []
    while sound:
        known = next((sound[:n] for n in range(min(3, len(sound)), 0, -1) if sound[:n] in _CMU), "")
        if known:
            phones.append(_CMU[known])
        sound = sound[len(known) or 1 :]
    return " ".join(phones)


_CMU: Final = {
    **dict.fromkeys(("ɐ", "ə", "ʌ"), "AH"),
    **dict.fromkeys(("ɑː", "ɑ", "ɒ", "a"), "AA"),
    **dict.fromkeys(("ɔː", "ɔ", "oː", "o"), "AO"),
    **dict.fromkeys(("ɚ", "ɜː", "ɜ"), "ER"),
    **dict.fromkeys(("ɛ", "e"), "EH"),
    **dict.fromkeys(("ɪ", "ᵻ"), "IH"),
    **dict.fromkeys(("iː", "i"), "IY"),
    **dict.fromkeys(("uː", "u"), "UW"),
    **dict.fromkeys(("d", "ɾ"), "D"),
    **dict.fromkeys(("t", "ʔ"), "T"),
    **dict.fromkeys(("k", "x"), "K"),
    **dict.fromkeys(("l", "ɫ", "ɬ"), "L"),
    **dict.fromkeys(("ɹ", "r"), "R"),
    **{"æ": "AE", "aʊ": "AW", "aɪ": "AY", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "tʃ": "CH", "dʒ": "JH"},
    **{"b": "B", "f": "F", "ɡ": "G", "h": "HH", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "s": "S", "v": "V", "w": "W"},
    **{"ð": "DH", "θ": "TH", "ʃ": "SH", "ʒ": "ZH", "j": "Y", "z": "Z"},
}
"""espeak-ng's IPA of American English to the phones of the recognizer's acoustic model."""
