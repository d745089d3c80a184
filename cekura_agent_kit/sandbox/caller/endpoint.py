"""The endpoint of the model that plays callers and judges outcomes, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ...addresses import without_credentials
from ...errors import SandboxError, SettingsError
from ...placeholder import PLACEHOLDER

if TYPE_CHECKING:
    from livekit.agents import llm

URL: Final = "CEKURA_KIT_LLM_URL"
KEY: Final = "CEKURA_KIT_LLM_KEY"
MODEL: Final = "CEKURA_KIT_LLM_MODEL"
OPENAI: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4.1-mini"
"""Follows a page of instructions, and costs a tenth of a large model."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint with OpenAI's API.

    Attributes:
        url: its base URL, ``…/v1``.
        key: its key; empty without one.
        model: name of the model.
        key_name: the variable that has the key, or would have it.
    """

    url: str
    key: str = field(repr=False)
    model: str
    key_name: str

    @property
    def shown(self) -> str:
        """The model and its address, for sentences."""
        return f"{self.model} at {without_credentials(self.url)}"


def endpoint_of(environment: Mapping[str, str] | None = None) -> Endpoint:
    """Return the endpoint that the environment names. An empty variable counts as not set.

    A key of OpenAI's is never sent to the address of ``CEKURA_KIT_LLM_URL``.

    Args:
        environment: the variables. Default: those of this process.

    Raises:
        SettingsError: none of the variables is set.
    """
    given = os.environ if environment is None else environment

    def of(name: str) -> str:
        value = given.get(name, "").strip()
        return "" if value == PLACEHOLDER else value

    model = of(MODEL) or DEFAULT_MODEL
    if url := of(URL):
        return Endpoint(url, of(KEY), model, KEY)
    if key := of(KEY):
        return Endpoint(OPENAI, key, model, KEY)
    url, key = of("OPENAI_BASE_URL"), of("OPENAI_API_KEY")
    if not url and not key:
        raise SettingsError(
            f"no model can play the caller: neither {URL} and {KEY} nor OPENAI_API_KEY is set",
            hint=f"set {URL} (any endpoint with OpenAI's API), {KEY} and {MODEL}; or OPENAI_API_KEY; or give the "
            "scenario a script, `talk`",
        )
    return Endpoint(url or OPENAI, key, model, "OPENAI_API_KEY")


def model_at(endpoint: Endpoint) -> llm.LLM[Any]:
    """Return the model at an endpoint.

    Raises:
        SandboxError: the extra `sandbox` is not installed.
    """
    try:
        from livekit.plugins import openai
    except ImportError:
        raise SandboxError(
            "livekit-plugins-openai is not installed, and a model that plays a caller needs it",
            hint='pip install "cekura-agent-kit[sandbox]"',
        ) from None
    # A local endpoint needs no key, and the client refuses an empty one.
    return openai.LLM(model=endpoint.model, base_url=endpoint.url, api_key=endpoint.key or PLACEHOLDER)
