"""Keys and tokens are removed from texts, values, models and logs."""

from __future__ import annotations

import logging

import pytest

from cekura_agent_kit.trigger.settings.redaction import RedactingFilter, Redaction, redacted
from cekura_agent_kit.verdict import Line

KEY, SECRET = "cekura-key-123456", "livekit-secret-123456"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0aaaa.c2lnbmF0dXJl"


@pytest.mark.parametrize("token", [TOKEN, TOKEN.rsplit(".", 1)[0], TOKEN + "_-x", f"{TOKEN[:-20]}"])
def test_tokens_are_removed_whole_or_cut(token: str) -> None:
    assert Redaction().text(f"a {token} b") == "a [hidden] b"


@pytest.mark.parametrize("text", ["eyewitness.reports of it", "a.b.c", "eyJ.short.x", "the.eyeglasses.shop"])
def test_plain_text_is_kept(text: str) -> None:
    assert Redaction([KEY]).text(text) == text


def test_known_keys_are_removed_from_texts_and_values() -> None:
    redaction = Redaction([KEY, SECRET])

    assert redaction.text(f"a {SECRET} b {KEY}-more") == "a [hidden] b [hidden]-more"
    assert redaction.value({KEY: [TOKEN, 1], "x": None}) == {"[hidden]": ["[hidden]", 1], "x": None}
    assert redacted(Line(role="agent", text=f"it is {KEY}", at=1.0), redaction) == Line(
        role="agent", text="it is [hidden]", at=1.0
    )


def test_a_key_that_begins_another_leaves_nothing_of_it() -> None:
    assert Redaction(["abcdefghijkl", "abcdefghijklmnop"]).text("abcdefghijklmnop") == "[hidden]"


def test_a_short_key_is_removed_as_a_word_only() -> None:
    assert Redaction(["APIx1"]).text("key APIx1, not MYAPIx12") == "key [hidden], not MYAPIx12"


def test_the_development_key_is_plain_text() -> None:
    assert Redaction(["devkey", "secret", ""]).text("a secret devkey") == "a secret devkey"


def test_logs_are_redacted_with_arguments_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("livekit")
    redacting = RedactingFilter(Redaction([SECRET]))
    logger.addFilter(redacting)
    try:
        raise ValueError(f"ws://x?access_token={TOKEN}")
    except ValueError:
        logger.warning("failed with %s", SECRET, exc_info=True)
    finally:
        logger.removeFilter(redacting)

    assert "failed with [hidden]" in caplog.text
    assert "access_token=[hidden]" in caplog.text
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text
