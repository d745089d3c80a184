"""Files that people write: each problem is named with its line and what is allowed."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

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


class Anything(RootModel[dict[str, Any]]):
    pass


class ByNumber(RootModel[dict[int, File]]):
    pass


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "model", "says"),
    [
        ("name: 3\n", File, "f.yaml:1: name: Input should be a valid string, not 3"),
        ("name: a\n\nrunz: []\n", File, "f.yaml:3: runz: unknown key; did you mean runs? allowed: name, runs"),
        (
            "name: a\nruns:\n- scenario: 1\n- scenario: 2\n  tiemout: 3s\n",
            File,
            "f.yaml:5: runs.1.tiemout: unknown key; did you mean timeout? allowed: scenario, timeout",
        ),
        (
            "name: a\nruns:\n- scenario: 1\n  timeout: 3 weeks\n",
            File,
            "f.yaml:4: runs.0.timeout: '3 weeks' is not a duration: write 20s, 5m or 1h",
        ),
        ("runs: []\n", File, "f.yaml:1: name: is required"),
        ("", File, "f.yaml:1: must be a mapping of keys to values, but is empty"),
        ("- 1\n", File, "f.yaml:1: must be a mapping of keys to values"),
        ("7:\n  name: a\n  x: 1\n", ByNumber, "f.yaml:3: 7.x: unknown key; allowed: name, runs"),
        ("name: a\nname: b\n", File, "f.yaml:2: not YAML: the key 'name' occurs twice"),
        ("name: [\n", File, "f.yaml:2: not YAML: expected the node content"),
        ("name: a\nruns:\n- scenario: .nan\n", File, "f.yaml:3: not YAML: .nan is not a finite number"),
        ("name: a\nruns:\n- scenario: 1e999\n", File, "f.yaml:3: not YAML: 1e999 is not a finite number"),
        ("name: !!set {a, b}\n", File, "f.yaml:1: not YAML: !!set is not supported; write text, numbers, lists"),
        ("name: !!binary aGk=\n", File, "f.yaml:1: not YAML: !!binary is not supported"),
        ('runs: []\nname: "a\\ud800"\n', File, "f.yaml:2: not YAML: half of a character (a lone surrogate)"),
        ("runs: &a [*a]\n", File, "f.yaml:1: not YAML: an alias contains itself"),
        (f"name: {'9' * 5000}\n", File, "f.yaml:1: not YAML: 99999999999999999999… is too large a number"),
        (BOMB, File, "not YAML: more than 20000 values, counting each alias"),
        ("? [a]\n: b\n", File, "f.yaml:1: not YAML: a key must be plain text"),
        (
            "name: !!python/object:os.system {}\n",
            File,
            "f.yaml:1: not YAML: !!python/object:os.system is not supported",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, model: type[BaseModel], says: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as caught:
        load(path, model, error=SuiteError)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
    assert "cekura-kit schema" in caught.value.hint or "fix the line" in caught.value.hint


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("name: 1\nruns:\n- {scenario: x}\n- {}\n")
    with pytest.raises(SuiteError) as caught:
        load(path, File, error=SuiteError)
    assert len(str(caught.value).splitlines()) == 3


def test_faults_are_listed_in_the_order_of_the_lines_and_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("x: 1\nruns:\n- {scenario: a}\n- {tiemout: 1}\nname: 1\n")
    with pytest.raises(SuiteError) as caught:
        load(path, File, error=SuiteError)
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "3", "4", "4", "5"]
    path.write_text("name: a\nruns:\n" + "- {}\n" * 200)
    with pytest.raises(SuiteError, match="and 150 more faults"):
        load(path, File, error=SuiteError)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("runs: [&a 1" + ", *a" * 200_000 + "]\n", "f.yaml:1: not YAML: more than 20000 values"),
        ("runs:\n" + "- {scenario: 1}\n" * 60_000, "not YAML: more than 20000 values"),
        ("x: {<<: 3}\n", "f.yaml:1: not YAML: expected a mapping or list of mappings for merging"),
        ("1: a\n'1': b\n", "f.yaml:2: not YAML: the key '1' occurs twice"),
        ("a: " + "[" * 5000 + "]" * 5000 + "\n", "f.yaml:"),
    ],
)
def test_what_is_too_much_is_refused_while_it_is_read(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError, match=re.escape(says)) as caught:
        load(path, Anything, error=SuiteError)
    assert len(str(caught.value)) < 500


def test_values_are_those_of_json_not_texts_that_look_like_them(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    for written in ("'1'", "true", "1.5"):
        path.write_text(f"name: a\nruns: [{{scenario: {written}}}]\n")
        with pytest.raises(SuiteError, match=r"runs\.0\.scenario: Input should be a valid integer"):
            load(path, File, error=SuiteError)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="there is no such file"):
        load(tmp_path / "f.yaml", File, error=SuiteError)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("19:00", "19:00"),
        ("2026-12-24", "2026-12-24"),
        ("1_000", "1_000"),
        ("=", "="),
        ("030", 30),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("", None),
        ("~", None),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(tmp_path: Path, written: str, meant: object) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"a: {written}\n")
    value = load(path, Anything, error=SuiteError).root["a"]
    assert (value, type(value)) == (meant, type(meant))


def test_merge_keys_and_aliases_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("base: &base {x: 1, y: 2}\nmore: {<<: *base, y: 3}\n")
    assert load(path, Anything, error=SuiteError).root["more"] == {"x": 1, "y": 3}


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("name: a\n" + "#" * 1_000_000)
    with pytest.raises(SuiteError, match="has 1000008 bytes"):
        load(path, File, error=SuiteError)


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
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(written)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.text(alphabet="nameru:[]{}- \n&*!?|>'\"#%@,0123456789", max_size=80))
def test_any_text_gives_a_model_or_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(SuiteError):
        assert load(path, File, error=SuiteError).name is not None
