"""Keys and addresses: named when missing, refused when unsafe, never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekura_agent_kit.errors import SettingsError
from cekura_agent_kit.trigger.settings import Settings

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


@pytest.mark.parametrize(
    ("more", "said", "hint"),
    [
        ({"cekura_api_url": "http://api.cekura.ai"}, "http:// would send the API key unencrypted", "use https://"),
        ({"cekura_api_url": "http://127.0.0.1.example.com"}, "would send the API key unencrypted", "use https://"),
        ({"cekura_api_url": "api.cekura.ai"}, "not an http(s):// address", "https://api.cekura.ai"),
        ({"livekit_url": "ws://livekit.example.com"}, "ws:// would send access tokens unencrypted", "use wss://"),
        ({"livekit_url": "project.livekit.cloud"}, "not a wss:// address", "wss://PROJECT.livekit.cloud"),
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
        settings(livekit_url="ws://user:hunter2@example.com?access_token=abc").check(lambda _: ["93.184.216.34"])

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
