"""Environment variables of an agent that is tested on this machine.

Placeholders for keys, no proxy, and the addresses of models that the agent may not replace.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from .addresses import is_loopback, scheme_and_host, without_credentials
from .placeholder import PLACEHOLDER

KEYS: Final = (
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
"""Keys of services that agents use."""
PLACEHOLDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(KEYS, PLACEHOLDER),
    "AZURE_SPEECH_REGION": "westeurope",
    "LIVEKIT_URL": "ws://rehearsal.invalid",
}
"""Plugins require these when they are made, also those that a test never uses."""

_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"})

MODEL_ADDRESSES: Final = ("OPENAI_BASE_URL", "LIVEKIT_INFERENCE_URL")
"""Variables by which an agent's code finds its models, and with which the sandbox sends it to the stand-in."""
REPLACES: Final = "the agent replaces"
"""Begins the sentence of `replaced_model`, by which its line in a worker's log is found."""
REPLACED_HINT: Final = (
    "its models would be paid for. Does its code call load_dotenv(override=True)? Let the environment win: leave "
    "`override` out, or remove the variable from the agent's own .env"
)


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


def replaced_model(given: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Describe the first address of a model on this machine that the agent replaces; empty if it replaces none.

    Args:
        given: the environment that the agent was given. Addresses of other machines are its owner's choice.
        found: the environment after its module was imported.
    """
    for name in MODEL_ADDRESSES:
        address, now = given.get(name, ""), found.get(name, "")
        if now != address and is_loopback(scheme_and_host(address)[1]):
            there = f"its jobs have {without_credentials(now)}" if now else "its jobs have none"
            return f"{REPLACES} {name}: {without_credentials(address)} was set, and {there}"
    return ""
