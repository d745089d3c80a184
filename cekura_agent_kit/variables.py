"""Environment variables that an agent needs when it is tested on this machine: placeholders for keys, and no proxy."""

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
PLACEHOLDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_KEYS, PLACEHOLDER),
    "AZURE_SPEECH_REGION": "westeurope",
    "LIVEKIT_URL": "ws://rehearsal.invalid",
}
"""Plugins require these when they are made, also those that a test never uses."""

_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"})


def missing_placeholders(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the placeholders of all known keys that are not set. An empty variable counts as not set."""
    return {name: value for name, value in PLACEHOLDERS.items() if not environment.get(name)}


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that name a proxy.

    For what connects to this machine: LiveKit's worker and native client ignore NO_PROXY.
    """
    return {name: value for name, value in environment.items() if name.lower() not in _PROXIES}


@contextmanager
def no_proxies() -> Iterator[None]:
    """Remove the variables that name a proxy from this process; restore them at the end."""
    removed = {name: os.environ.pop(name) for name in os.environ.keys() - without_proxies(os.environ).keys()}
    try:
        yield
    finally:
        os.environ.update(removed)
