"""The environment of a rehearsal: plugins require keys when they are made, also those that text mode never uses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

PLACEHOLDER: Final = "a-placeholder-of-cekura-agent-kit"

_KEYS: Final = (
    "ANTHROPIC_API_KEY",
    "ASSEMBLYAI_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_OPENAI_API_KEY",
    "AZURE_SPEECH_KEY",
    "CARTESIA_API_KEY",
    "CEREBRAS_API_KEY",
    "DEEPGRAM_API_KEY",
    "DEEPSEEK_API_KEY",
    "ELEVEN_API_KEY",
    "FIREWORKS_API_KEY",
    "GLADIA_API_KEY",
    "GOOGLE_API_KEY",
    "GROQ_API_KEY",
    "HUME_API_KEY",
    "INWORLD_API_KEY",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "LMNT_API_KEY",
    "MISTRAL_API_KEY",
    "NEUPHONIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "PERPLEXITY_API_KEY",
    "RIME_API_KEY",
    "SARVAM_API_KEY",
    "SONIOX_API_KEY",
    "SPEECHMATICS_API_KEY",
    "TELNYX_API_KEY",
    "TOGETHER_API_KEY",
    "XAI_API_KEY",
)
_PLACEHOLDERS: Final = {
    **dict.fromkeys(_KEYS, PLACEHOLDER),
    "AZURE_SPEECH_REGION": "westeurope",
    "LIVEKIT_URL": "ws://rehearsal.invalid",
}


@contextmanager
def environment(extra: Mapping[str, str], *, placeholders: bool = True) -> Iterator[None]:
    """Set ``extra``, and a placeholder for each known key that is not set; restore all of it at the end."""
    missing = {name: value for name, value in _PLACEHOLDERS.items() if name not in os.environ}
    wanted = (missing if placeholders else {}) | dict(extra)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is not None:
                os.environ[name] = value
            elif os.environ.get(name) == wanted[name]:
                del os.environ[name]


def is_placeholder(name: str) -> bool:
    """Return whether the variable has nothing but our placeholder."""
    return os.environ.get(name) == _PLACEHOLDERS.get(name, PLACEHOLDER)
