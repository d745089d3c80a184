"""Keys and addresses: named when missing, refused when unsafe, never printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cekura_agent_kit.errors import SettingsError
from cekura_agent_kit.trigger.settings.settings import Settings

ALL = {
    "CEKURA_API_KEY": "cekura-key-123456",
    "LIVEKIT_URL": "wss://project.livekit.cloud",
    "LIVEKIT_API_KEY": "APIabcdef123456",
    "LIVEKIT_API_SECRET": "livekit-secret-123456",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*ALL, "CEKURA_API_URL", "CEKURA_PROJECT_ID", "CEKURA_DASHBOARD_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def settings(**more: str) -> Settings:
    return Settings.model_validate({key.lower(): value for key, value in ALL.items()} | more)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment()

    assert str(raised.value) == "not set: CEKURA_API_KEY, LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET"
    assert "--sandbox" in raised.value.hint


def test_a_dotenv_fills_what_the_environment_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / ".env").write_text("\n".join(f"{key}={value}-from-file" for key, value in ALL.items()))
    monkeypatch.setenv("CEKURA_API_KEY", "from-environment")
    monkeypatch.setenv("LIVEKIT_API_KEY", "")
    found = Settings.from_environment(suite)

    assert found.cekura_api_key.get_secret_value() == "from-environment"
    assert found.livekit_api_key.get_secret_value() == "APIabcdef123456-from-file"


def test_env_local_is_read_after_env_and_a_later_folder_after_an_earlier_one(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / ".env").write_text("\n".join(f"{key}={value}" for key, value in ALL.items()))
    (suite / ".env.local").write_text("LIVEKIT_API_KEY=APIlocal\nCEKURA_API_KEY=local\nLIVEKIT_API_SECRET=\n")
    (tmp_path / ".env").write_text("export CEKURA_API_KEY='here'\n")
    found = Settings.from_environment(suite)

    assert found.cekura_api_key.get_secret_value() == "here"
    assert found.livekit_api_key.get_secret_value() == "APIlocal"
    assert found.livekit_api_secret.get_secret_value() == ALL["LIVEKIT_API_SECRET"], "an empty variable is not set"


@pytest.mark.parametrize(
    ("added", "named"),
    [
        ("\u200b", "ZERO WIDTH SPACE (U+200B)"),
        ("\ufeff", "ZERO WIDTH NO-BREAK SPACE (U+FEFF)"),
        ("\u00a0", "NO-BREAK SPACE (U+00A0)"),
        ("\u201d", "RIGHT DOUBLE QUOTATION MARK (U+201D)"),
        ("\u2013", "EN DASH (U+2013)"),
        ("é", "LATIN SMALL LETTER E WITH ACUTE (U+00E9)"),
        (" ", "SPACE (U+0020)"),
        ("\t", "TAB (U+0009)"),
        ("\n", "LINE FEED (U+000A)"),
        ("\r", "CARRIAGE RETURN (U+000D)"),
        ("\x1b", "ESCAPE (U+001B)"),
        ("\udc80", "a character without a name (U+DC80)"),
    ],
)
def test_a_character_that_no_key_contains_is_named_with_its_position(
    added: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ALL.items():
        monkeypatch.setenv(name, value[:4] + added + value[4:])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345" + added)
    monkeypatch.setenv("CEKURA_KIT_SECRET", added + "12345678")
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment()

    lines = str(raised.value).splitlines()
    for name, value in ALL.items():
        assert f"{name} has {named} at position 5 of {len(value) + 1}" in lines
        assert value[4:] not in str(raised.value)
    assert f"OPENAI_API_KEY has {named} at position 9 of 9" in lines
    assert f"CEKURA_KIT_SECRET has {named} at position 1 of 9" in lines
    with pytest.raises(SettingsError, match=re.escape(named)):
        settings(livekit_api_secret="abcd" + added).check(lambda _: ["93.184.216.34"])


def test_quotes_around_a_key_are_named_and_the_place_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CEKURA_API_KEY", "'cekura-key'")
    monkeypatch.delenv("LIVEKIT_API_KEY")
    (tmp_path / ".env").write_text("# keys\n\n\nLIVEKIT_API_KEY=AP I\n", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment()

    assert str(raised.value).splitlines() == [
        "CEKURA_API_KEY has APOSTROPHE (U+0027) at position 1 of 12",
        "LIVEKIT_API_KEY (.env:4) has SPACE (U+0020) at position 3 of 4",
    ]
    assert "copy it from its page" in raised.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfeC\x00", ".env:1: is not text in UTF-8"),
        (b"A=1\nB=\xe9\n", ".env:2: is not text in UTF-8"),
        (b"#" * 1_000_001, ".env: has 1000001 bytes"),
        (b"\n\nA B\nC='\n", ".env:3: is not NAME=VALUE\n.env:4: is not NAME=VALUE"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(says)):
        Settings.from_environment()


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\ufeff" + "\n".join(f"{key}={value}" for key, value in ALL.items()), "utf-8")
    assert Settings.from_environment().cekura_api_key.get_secret_value() == ALL["CEKURA_API_KEY"]


@pytest.mark.parametrize("name", ["LIVEKIT_URL", "CEKURA_API_URL"])
def test_a_password_in_an_address_is_refused_and_never_printed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each, value in ALL.items():
        monkeypatch.setenv(each, value)
    monkeypatch.setenv(name, "https://ada:hunter2@example.com/?x=abc")
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment()

    assert str(raised.value) == f"{name} is https://example.com with a user name or a password"
    assert "hunter2" not in raised.value.hint


@pytest.mark.parametrize(
    ("more", "said", "hint"),
    [
        ({"cekura_api_url": "http://api.cekura.ai"}, "http:// would send the API key unencrypted", "use https://"),
        ({"cekura_api_url": "http://127.0.0.1.example.com"}, "would send the API key unencrypted", "use https://"),
        ({"cekura_api_url": "api.cekura.ai"}, "not an http(s):// address", "https://api.cekura.ai"),
        ({"livekit_url": "ws://livekit.example.com"}, "ws:// would send access tokens unencrypted", "use wss://"),
        ({"livekit_url": "project.livekit.cloud"}, "not a wss:// address", "wss://PROJECT.livekit.cloud"),
        ({"cekura_api_url": "https://[::1"}, "not an http(s):// address", "https://api.cekura.ai"),
        ({"livekit_url": "wss://[::1"}, "not a wss:// address", "wss://PROJECT.livekit.cloud"),
        ({"livekit_url": "wss://host:port"}, "not a wss:// address", "wss://PROJECT.livekit.cloud"),
        ({"livekit_url": "ws://127.0.0.1:7880"}, "cannot reach it", "--sandbox"),
        ({"livekit_url": "wss://localhost"}, "cannot reach it", "--sandbox"),
        ({"livekit_url": "ws://192.168.1.5:7880"}, "cannot reach it", "--sandbox"),
        ({"livekit_url": "wss://[fd00::1]"}, "cannot reach it", "--sandbox"),
        ({"livekit_url": "wss://intern.example.com"}, "cannot reach it", "--sandbox"),
    ],
)
def test_unsafe_and_unreachable_addresses_are_refused(more: dict[str, str], said: str, hint: str) -> None:
    names = {"intern.example.com": ["10.0.0.7"], "livekit.example.com": ["93.184.216.34"]}
    with pytest.raises(SettingsError) as raised:
        settings(**more).check(lambda host: names.get(host, ["93.184.216.34"]))

    assert said in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"livekit_url": "https://project.livekit.cloud"},
        {"livekit_url": "ws://127.0.0.1:7880", "cekura_api_url": "http://127.0.0.1:9000"},
        {"livekit_url": "ws://livekit:7880", "cekura_api_url": "http://localhost:9000"},
    ],
)
def test_safe_addresses_are_accepted(more: dict[str, str]) -> None:
    settings(**more).check(lambda host: ["172.18.0.3"] if host == "livekit" else ["93.184.216.34"])


def test_an_address_is_quoted_without_what_may_be_a_password() -> None:
    with pytest.raises(SettingsError) as raised:
        settings(livekit_url="ws://example.com/hunter2?access_token=abc").check(lambda _: ["93.184.216.34"])

    assert "hunter2" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_no_repr_and_no_validation_error_shows_a_key() -> None:
    shown = repr(settings()) + str(settings()) + settings().model_dump_json()
    with pytest.raises(ValueError, match="cekura_api_key") as raised:
        Settings.model_validate({"cekura_api_key": ["cekura-key-123456"]})
    assert len(settings().secrets) == 3
    for secret in settings().secrets:
        assert secret not in shown + str(raised.value)


def test_a_command_without_cekura_needs_no_key_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ALL.items():
        if name != "CEKURA_API_KEY":
            monkeypatch.setenv(name, value)

    assert Settings.from_environment(cekura=False).livekit_url == ALL["LIVEKIT_URL"]
    with pytest.raises(SettingsError, match=r"^not set: CEKURA_API_KEY\n"):
        Settings.from_environment()


def test_given_settings_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKURA_API_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("CEKURA_PROJECT_ID", "77")

    assert settings().cekura_api_url == "https://api.cekura.ai"
    assert settings().result_url(5) == ""
    assert settings(cekura_project_id="9").result_url(5) == "https://dashboard.cekura.ai/9/results/5"
