"""Files that people write: what does not fit is named with its line and what is allowed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel

from cekura_agent_kit.errors import SuiteError
from cekura_agent_kit.yaml_files import Duration, load, seconds


class Run(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scenario: int
    timeout: Duration | None = None


class File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    runs: list[Run] = []


class ByNumber(RootModel[dict[int, File]]):
    pass


@pytest.mark.parametrize(
    ("text", "model", "says"),
    [
        ("name: 3\n", File, "f.yaml:1: name: Input should be a valid string, not 3"),
        ("name: a\n\nrunz: []\n", File, "f.yaml:3: runz: unknown key; allowed: name, runs"),
        (
            "name: a\nruns:\n- scenario: 1\n- scenario: 2\n  tiemout: 3s\n",
            File,
            "f.yaml:5: runs.1.tiemout: unknown key; allowed: scenario, timeout",
        ),
        (
            "name: a\nruns:\n- scenario: 1\n  timeout: 3 weeks\n",
            File,
            "f.yaml:4: runs.0.timeout: '3 weeks' is no duration: write 20s, 5m or 1h",
        ),
        ("runs: []\n", File, "f.yaml:1: name: is required"),
        ("", File, "f.yaml:1: must be a mapping of keys to values, and is empty"),
        ("- 1\n", File, "f.yaml:1: must be a mapping of keys to values"),
        ("7:\n  name: a\n  x: 1\n", ByNumber, "f.yaml:3: 7.x: unknown key; allowed: name, runs"),
        ("name: a\nname: b\n", File, "f.yaml:2: not YAML: 'name' stands twice"),
        ("name: [\n", File, "f.yaml:2: not YAML: expected the node content"),
        ("? [a]\n: b\n", File, "f.yaml:1: not YAML: a key must be plain text"),
        ("name: !!python/object:os.system {}\n", File, "f.yaml:1: not YAML: could not determine a constructor"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, model: type[BaseModel], says: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as caught:
        load(path, model, error=SuiteError)
    assert f"{path.parent}/{says}" in str(caught.value)
    assert caught.value.hint


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("name: 1\nruns:\n- {scenario: x}\n- {}\n")
    with pytest.raises(SuiteError) as caught:
        load(path, File, error=SuiteError)
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="there is no such file"):
        load(tmp_path / "f.yaml", File, error=SuiteError)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="cannot be read"):
        load(tmp_path / "f.yaml", File, error=SuiteError)


@pytest.mark.parametrize(
    ("written", "meant"), [("20s", 20), ("5m", 300), ("1h", 3600), ("1.5s", 1.5), ("300ms", 0.3), (7, 7), (0.5, 0.5)]
)
def test_durations(written: object, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["", "20", "s", "-1s", "0s", 0, -1, True, None, "1d", float("inf"), float("nan")])
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(written)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.text(alphabet="nameru:[]{}- \n&*!?|>'\"#%@,0123456789", max_size=80))
def test_any_text_gives_a_model_or_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(SuiteError):
        assert load(path, File, error=SuiteError).name is not None
