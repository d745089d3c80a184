"""Signed tests: a permit that holds, every one that does not, and what each kind of agent makes of it."""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cekura_agent_kit.agent.admission import Admitted, decide
from cekura_agent_kit.agent.options import Tests
from cekura_agent_kit.contract import JobMetadata, Mode
from cekura_agent_kit.errors import MetadataError
from cekura_agent_kit.permit import Key, NotSigned, Permit, keys_of, run_proof, verify, verify_run
from cekura_agent_kit.placeholder import PLACEHOLDER

SECRET = "a-secret-of-at-least-thirty-two-characters"
KEY = Key("LIVEKIT_API_SECRET", SECRET)
OTHER = Key("LIVEKIT_API_SECRET", "another-secret-of-thirty-two-characters")
SHARED = Key("CEKURA_KIT_SECRET", "a-secret-that-both-sides-of-the-kit-share")
OWN = {"tier": "gold", "test_profile_data": {"name": "Zoë", "tags": [1, None, 0.5]}}
PERMIT = Permit(
    room="r",
    mode=Mode.TEXT,
    suite="support",
    case="30#1",
    entry="30 text",
    scenario=30,
    seed=7,
    witness="cekura-witness",
)
DOUBLED = Permit(room="r", mode=Mode.TEXT, suite="support", case="30#1", scenario=30, tools={"*": "refuse"})


def written(
    permit: Permit = PERMIT, *, own: dict[str, Any] = OWN, key: Key = KEY, ttl: float = 86_400
) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(permit.job_metadata(own, key=key, ttl=ttl))
    return whole


def verified(whole: dict[str, Any], *keys: Key, room: str = "r") -> Permit:
    return verify(read_of(whole), room=room, keys=keys or (KEY,))


def read_of(whole: dict[str, Any]) -> JobMetadata:
    read = JobMetadata.read(json.dumps(whole))
    assert read is not None
    return read


def test_the_claims_are_the_data_of_the_test() -> None:
    assert verified(written()) == PERMIT


def test_what_an_agent_of_0_1_reads_stands_beside_the_permit() -> None:
    ours = written()["cekura"]
    assert jwt.get_unverified_header(ours.pop("permit")) == {"alg": "HS256", "typ": "JWT", "kid": "LIVEKIT_API_SECRET"}
    assert ours == {"text_mode": True, "scenario": 30, "suite": "support", "case": "30#1"}


texts = st.text(st.characters(codec=None), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(texts, values, max_size=4), texts, texts, st.sampled_from(Mode))
def test_any_data_survives_lone_surrogates_included(own: dict[str, Any], suite: str, room: str, mode: Mode) -> None:
    own = {key: value for key, value in own.items() if key not in ("cekura", "text_mode")}
    permit = Permit(room=room, mode=mode, suite=suite, case="1#1")
    assert verified(written(permit, own=own), room=room) == permit


def test_a_suites_numbers_as_keys_are_signed_as_the_agent_reads_them() -> None:
    own: dict[Any, Any] = {1: "one", "b": {2: "two"}}
    assert verified(written(own=own)) == PERMIT


def test_the_secret_of_the_kit_is_the_first_key_and_either_verifies() -> None:
    keys = keys_of({"LIVEKIT_API_SECRET": SECRET, "CEKURA_KIT_SECRET": SHARED.secret})
    assert keys == (SHARED, KEY)
    assert verified(written(key=KEY), *keys) == verified(written(key=SHARED), *keys) == PERMIT
    assert SECRET not in repr(keys)


@pytest.mark.parametrize("value", ["", "  ", PLACEHOLDER])
def test_an_empty_secret_or_a_placeholder_verifies_nothing(value: str) -> None:
    assert keys_of({"LIVEKIT_API_SECRET": value, "CEKURA_KIT_SECRET": value}) == ()
    with pytest.raises(NotSigned, match="neither CEKURA_KIT_SECRET nor LIVEKIT_API_SECRET"):
        verify(read_of(written()), room="r", keys=keys_of({"LIVEKIT_API_SECRET": value}))


def with_permit(permit: object, **beside: Any) -> dict[str, Any]:
    whole = written()
    whole["cekura"] |= {"permit": permit} | beside
    return whole


def token(*, key: str | None = SECRET, algorithm: str = "HS256", drop: str = "", **claims: Any) -> str:
    """The claims of `PERMIT`, changed, and signed anew."""
    all_claims = jwt.decode(written()["cekura"]["permit"], options={"verify_signature": False}) | claims
    all_claims.pop(drop, None)
    return jwt.encode(all_claims, key, algorithm=algorithm)


def header(**parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


NOW = int(time.time())
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "no permit": (with_permit(""), "it has no permit"),
    "a permit of null": (with_permit(None), "it has no permit"),
    "a permit that is an object": (with_permit({"room": "r"}), "it has no permit"),
    "a trigger of 0.1": (
        {"text_mode": True, "cekura": {"text_mode": True, "scenario": 30, "suite": "s", "case": "30#1", "witness": ""}},
        "the trigger is a cekura-agent-kit 0.1",
    ),
    "junk": (with_permit("junk"), "cannot be read"),
    "lone surrogates": (with_permit("\ud800.\udfff.x"), "not a JWT"),
    "not ASCII": (with_permit("é.é.é"), "not a JWT"),
    "a deep header": (with_permit(base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.x"), "cannot be read"),
    "a header that is no object": (with_permit(base64.urlsafe_b64encode(b"[]").decode() + ".e30.x"), "cannot be read"),
    "a key id that is no text": (with_permit(header(alg="HS256", kid=[]) + ".e30.x"), "cannot be read"),
    "another key": (written(key=OTHER), "signed with another LIVEKIT_API_SECRET than this worker's"),
    "a secret that the worker lacks": (
        written(key=SHARED),
        "signed with CEKURA_KIT_SECRET, which",
    ),
    "alg none": (with_permit(token(key=None, algorithm="none")), "not signed with HS256"),
    "alg HS512": (with_permit(token(algorithm="HS512")), "not signed with HS256"),
    "expired": (written(ttl=-60), "has expired"),
    "not valid yet": (with_permit(token(nbf=NOW + 43_200, exp=NOW + 86_400)), "not valid yet: the clocks"),
    "for ever": (with_permit(token(drop="exp")), "cannot be read"),
    "since ever": (with_permit(token(drop="nbf")), "cannot be read"),
    "no audience": (with_permit(token(drop="aud")), "cannot be read"),
    "the audience of something else": (with_permit(token(aud="cekura.events")), "cannot be read"),
    "a LiveKit token": (with_permit(jwt.encode({"sub": "w", "exp": NOW + 60, "nbf": NOW}, SECRET)), "cannot be read"),
    "an unknown mode": (with_permit(token(mode="telepathy")), "of another version"),
    "claims of other types": (with_permit(token(seed="7")), "of another version"),
    "a claim that is missing": (with_permit(token(drop="tools")), "of another version"),
    "another room": (with_permit(token(room="elsewhere")), "for another room"),
    "another mode": (
        written() | {"text_mode": False, "cekura": written()["cekura"] | {"text_mode": False}},
        "another mode",
    ),
    "another case": (with_permit(written()["cekura"]["permit"], case="30#2"), "another case"),
    "another suite": (with_permit(written()["cekura"]["permit"], suite="sales"), "another suite"),
    "another scenario": (with_permit(written()["cekura"]["permit"], scenario=31), "another scenario"),
    "a scenario of true": (with_permit(token(scenario=1), scenario=True), "another scenario"),
    "tools beside it": (with_permit(written()["cekura"]["permit"], tools={"pay": "run"}), "another tools"),
    "metadata added": (written() | {"run_id": 7}, "for other metadata"),
    "metadata changed": (written() | {"tier": "silver"}, "for other metadata"),
    "metadata removed": ({k: v for k, v in written().items() if k != "tier"}, "for other metadata"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_permit_that_lies_does_not_hold(name: str) -> None:
    whole, reason = LIES[name]
    with pytest.raises(NotSigned) as caught:
        verified(whole)
    assert reason in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_permit_is_for_its_room_alone() -> None:
    with pytest.raises(NotSigned, match="for another room"):
        verified(written(), room="another")


def test_a_permit_opens_no_room() -> None:
    """It travels in metadata, which others may read."""
    from livekit import api

    with pytest.raises(Exception, match=r"iss|[Aa]udience"):
        api.TokenVerifier("devkey", SECRET).verify(written()["cekura"]["permit"])


# The table of docs/design.md: metadata and `tests`.

REAL, SIGNED_TEST, UNSIGNED, REFUSED = "real call", "signed test", "unsigned test", "refused"
ROWS: dict[str, tuple[Any, str, str, int]] = {
    # name: (metadata, under "any", under "signed", lines logged under "signed")
    "nothing": ("", REAL, REAL, 0),
    "not JSON": ("{", REAL, REAL, 0),
    "no test": ({"tier": "gold"}, REAL, REAL, 0),
    "a permit that holds": (written(), SIGNED_TEST, SIGNED_TEST, 0),
    "a permit with tools": (written(DOUBLED), SIGNED_TEST, SIGNED_TEST, 0),
    "text_mode alone": ({"text_mode": True}, UNSIGNED, REAL, 1),
    "cekura alone": ({"cekura": {}}, UNSIGNED, REAL, 1),
    "Cekura's own job": ({"scenario_id": 1, "run_id": 1}, UNSIGNED, REAL, 1),
    "a trigger of 0.1": (LIES["a trigger of 0.1"][0], UNSIGNED, REAL, 1),
    "another key": (LIES["another key"][0], UNSIGNED, REAL, 1),
    "another case": (LIES["another case"][0], UNSIGNED, REAL, 1),
    "lone surrogates": (LIES["lone surrogates"][0], UNSIGNED, REAL, 1),
    "tools, another key": (written(DOUBLED, key=OTHER), REFUSED, REAL, 1),
    "tools, expired": (written(DOUBLED, ttl=-60), REFUSED, REAL, 1),
    "tools beside it": (LIES["tools beside it"][0], REFUSED, REAL, 1),
    "tools beside no permit": ({"cekura": {"tools": {"pay": "run"}}}, REFUSED, REAL, 1),
    "text_mode as text": ({"text_mode": "true"}, REFUSED, REAL, 1),
    "two modes": ({"text_mode": True, "cekura": {"text_mode": False}}, REFUSED, REAL, 1),
    "cekura as a list": ({"cekura": []}, REFUSED, REAL, 1),
    "too large": ({"text_mode": True, "big": "x" * 64_000}, REFUSED, REAL, 1),
    "a lone surrogate as text_mode": ({"text_mode": "\ud800"}, REFUSED, REAL, 1),
}


def outcome(metadata: Any, tests: Tests) -> str:
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    try:
        admitted = decide(text, room="r", tests=tests, keys=(KEY,))
    except MetadataError as error:
        return REFUSED if error.hint else f"refused without a hint: {error}"
    if admitted is None:
        return REAL
    assert isinstance(admitted, Admitted)
    assert bool(admitted.permit) is not bool(admitted.unsigned)
    return SIGNED_TEST if admitted.permit else UNSIGNED


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_metadata_and_tests(name: str, caplog: pytest.LogCaptureFixture) -> None:
    metadata, under_any, under_signed, lines = ROWS[name]
    with caplog.at_level(logging.INFO, "cekura_agent_kit"):
        assert outcome(metadata, "any") == under_any
        assert outcome(metadata, "none") == REAL
        assert caplog.records == []
        assert outcome(metadata, "signed") == under_signed
    assert len(caplog.records) == lines
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        assert "claims to be a test, and is treated as a real call" in record.getMessage()
        record.getMessage().encode()


def test_a_run_has_a_proof_in_its_room() -> None:
    proof = run_proof(room="r", run_id=7, key=SHARED)
    assert verify_run(proof, room="r", run_id=7, keys=(KEY, SHARED))


@pytest.mark.parametrize(
    ("proof", "room", "run_id", "keys"),
    [
        ("", "r", 7, (KEY,)),
        (None, "r", 7, (KEY,)),
        ("é", "r", 7, (KEY,)),
        (run_proof(room="r", run_id=7, key=KEY), "q", 7, (KEY,)),
        (run_proof(room="r", run_id=7, key=KEY), "r", 8, (KEY,)),
        (run_proof(room="r", run_id=1, key=KEY), "r", True, (KEY,)),
        (run_proof(room="r", run_id=7, key=KEY), "r", "7", (KEY,)),
        (run_proof(room="r", run_id=7, key=KEY), "r", 7, (OTHER,)),
        (run_proof(room="r", run_id=7, key=KEY), "r", 7, ()),
    ],
)
def test_any_other_proof_of_a_run_does_not_hold(
    proof: object, room: str, run_id: object, keys: tuple[Key, ...]
) -> None:
    assert not verify_run(proof, room=room, run_id=run_id, keys=keys)
