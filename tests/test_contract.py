"""The contract between the two sides: which job is a test."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cekura_agent_kit.contract import MAX_METADATA_BYTES, JobMetadata, Mode
from cekura_agent_kit.errors import MetadataError


def mode_from(metadata: str | None) -> Mode | None:
    read = JobMetadata.read(metadata)
    return read.mode if read else None


MODES: list[tuple[str | None, Mode | None]] = [
    # Not a test: the caller's own business.
    (None, None),
    ("", None),
    ("   ", None),
    ("hello", None),
    ("{", None),
    ("null", None),
    ("true", None),
    ('"text_mode"', None),
    ('[{"text_mode": true}]', None),
    ("{}", None),
    ('{"tier": "gold"}', None),
    ('{"Text_Mode": true}', None),
    ('{"nested": {"text_mode": true}}', None),
    ('{"scenario_id": 30}', None),
    ('{"run_id": 7}', None),
    ('{"test_profile_data": {}}', None),
    # Text.
    ('{"text_mode": true}', Mode.TEXT),
    ('{"text_mode": true, "tier": "gold"}', Mode.TEXT),
    ('{"text_mode": true, "scenario_id": 30, "run_id": 7}', Mode.TEXT),
    ('{"cekura": {"text_mode": true}}', Mode.TEXT),
    ('{"text_mode": true, "cekura": {}}', Mode.TEXT),
    ('{"text_mode": true, "cekura": {"text_mode": true}}', Mode.TEXT),
    ('{"text_mode": true, "big": ' + "9" * 5000 + "}", Mode.TEXT),
    # Voice.
    ('{"text_mode": false}', Mode.VOICE),
    ('{"cekura": {}}', Mode.VOICE),
    ('{"cekura": {"text_mode": false}}', Mode.VOICE),
    ('{"text_mode": false, "cekura": {"text_mode": false}}', Mode.VOICE),
    ('{"scenario_id": 30, "run_id": 7}', Mode.VOICE),
    ('{"scenario_id": null, "run_id": null}', Mode.VOICE),
]


@pytest.mark.parametrize(("metadata", "mode"), MODES)
def test_mode(metadata: str | None, mode: Mode | None) -> None:
    assert mode_from(metadata) is mode


REFUSED = [
    ('{"text_mode": "true"}', """'text_mode' is "true", not true or false"""),
    ('{"text_mode": 1}', "'text_mode' is 1, not true or false"),
    ('{"text_mode": null}', "'text_mode' is null, not true or false"),
    ('{"text_mode": {"on": true}}', """'text_mode' is {"on": true}, not true or false"""),
    ('{"cekura": {"text_mode": 0}}', "'cekura.text_mode' is 0, not true or false"),
    ('{"text_mode": true, "cekura": {"text_mode": null}}', "'cekura.text_mode' is null, not true or false"),
    (
        '{"text_mode": true, "cekura": {"text_mode": false}}',
        "'text_mode' is true, but 'cekura.text_mode' is false",
    ),
    ('{"cekura": true}', "'cekura' is true, not an object"),
    ('{"cekura": null}', "'cekura' is null, not an object"),
    ('{"cekura": [], "text_mode": true}', "'cekura' is [], not an object"),
]


@pytest.mark.parametrize(("metadata", "says"), REFUSED)
def test_refused_and_quoted(metadata: str, says: str) -> None:
    with pytest.raises(MetadataError) as caught:
        mode_from(metadata)
    assert str(caught.value) == f"job metadata: {says}"
    assert "dispatch" in caught.value.hint


def test_a_long_value_is_quoted_in_short() -> None:
    with pytest.raises(MetadataError) as caught:
        mode_from(json.dumps({"text_mode": "x" * 10_000}))
    assert len(str(caught.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
our_keys = st.sampled_from(["text_mode", "cekura", "scenario_id", "run_id", "tier"])
jobs = st.dictionaries(our_keys, json_values | st.dictionaries(our_keys, json_values, max_size=3), max_size=5)


@settings(max_examples=2000, deadline=None)
@given(jobs.map(json.dumps) | st.text(max_size=200))
@example('{"text_mode": "false"}')
def test_junk_never_becomes_text_or_voice_by_accident(metadata: str) -> None:
    """Text needs a JSON true where it belongs; voice a key of ours; a strange value is refused."""
    try:
        job = json.loads(metadata)
    except (ValueError, RecursionError):
        job = None
    job = job if isinstance(job, dict) else {}
    ours = job.get("cekura", {})
    said = [place["text_mode"] for place in (job, ours) if isinstance(place, dict) and "text_mode" in place]
    try:
        mode = mode_from(metadata)
    except MetadataError:
        odd = not all(isinstance(value, bool) for value in said) or len({str(value) for value in said}) > 1
        assert odd or not isinstance(ours, dict)
        return
    if mode is Mode.TEXT:
        assert said
        assert all(value is True for value in said)
    elif mode is Mode.VOICE:
        assert all(value is False for value in said)
        assert said or "cekura" in job or {"scenario_id", "run_id"} <= job.keys()
    else:
        assert not said
        assert "cekura" not in job


@given(st.sampled_from(Mode), st.dictionaries(st.text(max_size=8), json_values, max_size=3), st.booleans())
def test_what_the_trigger_writes_is_what_the_agent_reads(mode: Mode, extra: dict[str, object], signed: bool) -> None:
    extra = {key: value for key, value in extra.items() if key not in ("cekura", "text_mode")}
    permit = "permit" if signed else ""
    metadata = JobMetadata(mode=mode, scenario=30, suite="support", case="30#1", permit=permit, own=extra)
    written = metadata.to_json()
    assert JobMetadata.read(written) == dataclasses.replace(metadata, own=json.loads(json.dumps(extra)))
    read = json.loads(written)
    assert read.pop("cekura") == {
        "text_mode": mode is Mode.TEXT,
        "scenario": 30,
        "suite": "support",
        "case": "30#1",
        "permit": permit,
    }
    assert read.pop("text_mode") is (mode is Mode.TEXT)
    assert read == json.loads(json.dumps(extra))


@pytest.mark.parametrize("key", ["cekura", "text_mode"])
def test_reserved_keys_are_refused(key: str) -> None:
    with pytest.raises(MetadataError, match=f"metadata sets '{key}', which the kit itself writes"):
        JobMetadata(mode=Mode.TEXT, scenario=1, suite="s", case="1#1", own={key: {}}).to_json()


def test_metadata_of_a_test_has_a_largest_size() -> None:
    def of(size: int) -> JobMetadata:
        metadata = JobMetadata(mode=Mode.TEXT, scenario=1, suite="s", case="1#1", own={"big": ""})
        return dataclasses.replace(metadata, own={"big": "x" * (size - len(metadata.to_json()))})

    largest = of(MAX_METADATA_BYTES).to_json()
    assert len(largest) == MAX_METADATA_BYTES
    assert JobMetadata.read(largest)
    with pytest.raises(MetadataError, match="64001 bytes, and that of a test has 64000 at most"):
        of(MAX_METADATA_BYTES + 1).to_json()
    with pytest.raises(MetadataError, match="64001 bytes"):
        JobMetadata.read(largest + " ")
    # Of a real call it is none of the kit's business.
    assert JobMetadata.read(json.dumps({"tier": "x" * 100_000})) is None
