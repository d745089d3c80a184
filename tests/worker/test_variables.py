"""Placeholders for keys, and proxies that are left out."""

from __future__ import annotations

import os

import pytest

from cekura_agent_kit.placeholder import PLACEHOLDER
from cekura_agent_kit.variables import missing_placeholders, no_proxies, without_proxies


def test_an_empty_variable_counts_as_not_set() -> None:
    missing = missing_placeholders({"OPENAI_API_KEY": "", "DEEPGRAM_API_KEY": "own"})
    assert missing["OPENAI_API_KEY"] == missing["CARTESIA_API_KEY"] == PLACEHOLDER
    assert "DEEPGRAM_API_KEY" not in missing


def test_proxies_are_left_out_in_either_case_and_nothing_else_is() -> None:
    given = {"HTTP_PROXY": "a", "https_proxy": "b", "ALL_PROXY": "c", "NO_PROXY": "d", "MY_PROXY": "e"}
    assert without_proxies(given) == {"NO_PROXY": "d", "MY_PROXY": "e"}


def test_proxies_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with no_proxies():
        assert "HTTP_PROXY" not in os.environ
    assert os.environ["HTTP_PROXY"] == "http://127.0.0.1:9"
