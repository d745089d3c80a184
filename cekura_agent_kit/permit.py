"""Permit of a test: the trigger signs it, the agent verifies it. Pure.

Whoever shapes a participant's token can write a job's metadata, so metadata alone is a claim. The permit is a JWT at
``cekura.permit`` in it, and its claims are the data of the test. ``extra`` covers the metadata's other keys. It grants
nothing in LiveKit.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .contract import JobMetadata, Mode
from .placeholder import PLACEHOLDER

KIT_SECRET: Final = "CEKURA_KIT_SECRET"
"""Variable of a secret that the trigger and the worker share. It precedes the LiveKit secret."""
LIVEKIT_SECRET: Final = "LIVEKIT_API_SECRET"

_AUDIENCE: Final = "cekura.test"
_ALGORITHM: Final = "HS256"
_LEEWAY: Final = 10
"""Seconds by which the clocks of trigger and worker may differ; LiveKit's own leeway."""


class NotSigned(Exception):
    """The permit does not hold; the text says why, in a few words."""


@dataclass(frozen=True)
class Key:
    """A secret, and the name of the variable that it comes from."""

    variable: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Data of one signed test.

    Attributes:
        room: name of its room.
        mode: how the evaluator talks to the agent.
        suite: name of the suite.
        case: ``SCENARIO#N``.
        entry: name of the entry of the suite; empty in a rehearsal.
        scenario: Cekura's scenario id.
        seed: for what is random in the test; None if it has none.
        tools: what the agent's tools do in the test, by their names.
        witness: identity of the one participant that receives the agent's events; empty without a witness.
    """

    room: str
    mode: Mode
    suite: str
    case: str
    entry: str = ""
    scenario: int | None = None
    seed: int | None = None
    tools: Mapping[str, Any] = field(default_factory=dict)
    witness: str = ""

    def check_size(self, own: Mapping[str, Any]) -> None:
        """Check that a job with these other keys can be sent, without a key to sign it. Raises as `job_metadata`."""
        self.job_metadata(own, key=Key("size", "x" * 64), ttl=1)

    def job_metadata(self, own: Mapping[str, Any], *, key: Key, ttl: float) -> str:
        """Return the metadata of the test's job, with the signed permit in it.

        Args:
            own: the other keys of the metadata.
            key: signs.
            ttl: seconds for which the permit is valid.

        Raises:
            MetadataError: ``own`` sets a reserved key, or the whole is too large.
        """
        # As the agent will read it: a number as a key becomes text, for example.
        own = json.loads(json.dumps(dict(own)))
        claims = {
            "aud": _AUDIENCE,
            "sub": self.witness,
            "room": self.room,
            "mode": str(self.mode),
            "suite": self.suite,
            "case": self.case,
            "entry": self.entry,
            "scenario": self.scenario,
            "seed": self.seed,
            "tools": dict(self.tools),
            "extra": _digest(own),
        }
        metadata = JobMetadata(
            mode=self.mode,
            scenario=self.scenario,
            suite=self.suite,
            case=self.case,
            permit=_sign(claims, key, ttl),
            own=own,
        )
        return metadata.to_json()


def keys_of(environment: Mapping[str, str]) -> tuple[Key, ...]:
    """Return the keys that can verify a permit, `KIT_SECRET` first. Empty variables and placeholders are no keys."""
    values = ((name, environment.get(name, "").strip()) for name in (KIT_SECRET, LIVEKIT_SECRET))
    return tuple(Key(name, value) for name, value in values if value and value != PLACEHOLDER)


def verify(metadata: JobMetadata, *, room: str, keys: Sequence[Key]) -> Permit:
    """Return the permit of a job's metadata.

    Args:
        metadata: the whole metadata of the job.
        room: name of the job's room, from the job.
        keys: of `keys_of`; the permit may be signed with any of them.

    Raises:
        NotSigned: there is no permit, or it does not hold.
    """
    if not metadata.permit:
        raise NotSigned(
            "the trigger is a cekura-agent-kit 0.1, which does not sign" if metadata.is_from_0_1 else "it has no permit"
        )
    if not keys:
        raise NotSigned(f"this worker has neither {KIT_SECRET} nor {LIVEKIT_SECRET}")
    claims = _claims(metadata.permit, keys)
    permit = _permit(claims)
    if permit.room != room:
        raise NotSigned("its permit is for another room")
    if different := [name for name, value in _repeated(metadata).items() if _json(value) != _json(claims.get(name))]:
        raise NotSigned(f"its permit names another {different[0]}")
    if _digest(metadata.own) != claims["extra"]:
        raise NotSigned("its permit is for other metadata")
    return permit


def asks_for_tools(metadata: JobMetadata) -> bool:
    """Return True if the metadata asks for doubles of tools, whether its permit holds or not."""
    if metadata.claimed.get("tools"):
        return True
    import jwt

    try:
        return bool(jwt.decode(metadata.permit, options={"verify_signature": False}).get("tools"))
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        return False


def run_proof(*, room: str, run_id: int, key: Key) -> str:
    """Return the signature, 64 hex digits, that a room is the one of a run on Cekura."""
    text = f"cekura.run\n{room}\n{run_id}"
    return hmac.new(key.secret.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def verify_run(proof: object, *, room: str, run_id: object, keys: Sequence[Key]) -> bool:
    """Return True if ``proof`` is a `run_proof` of this room and run, by one of the keys."""
    if not isinstance(proof, str) or not proof.isascii() or isinstance(run_id, bool) or not isinstance(run_id, int):
        return False
    return any(hmac.compare_digest(proof, run_proof(room=room, run_id=run_id, key=key)) for key in keys)


def _sign(claims: Mapping[str, Any], key: Key, ttl: float) -> str:
    import jwt

    now = int(time.time())
    times = {"nbf": now - _LEEWAY, "exp": now + int(ttl)}
    # The variable's name tells a worker that cannot verify it which secret differs.
    return jwt.encode({**claims, **times}, key.secret, algorithm=_ALGORITHM, headers={"kid": key.variable})


def _claims(permit: str, keys: Sequence[Key]) -> dict[str, Any]:
    """Return the claims that one of the keys has signed. Raises NotSigned."""
    import jwt

    if not permit.isascii():
        raise NotSigned("its permit is not a JWT")
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                permit,
                key.secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                leeway=_LEEWAY,
                options={"require": ["exp", "nbf", "aud", "sub"]},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise NotSigned("its permit has expired") from None
        except jwt.ImmatureSignatureError:
            raise NotSigned("its permit is not valid yet: the clocks of trigger and worker differ") from None
        except jwt.InvalidAlgorithmError:
            raise NotSigned(f"its permit is not signed with {_ALGORITHM}") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise NotSigned("its permit cannot be read") from None
        return claims
    raise NotSigned(_other_secret(permit, {key.variable for key in keys}))


def _other_secret(permit: str, ours: set[str]) -> str:
    """Say which secrets differ. The permit's header is not signed: only the two known names are quoted."""
    import jwt

    signed_with = jwt.get_unverified_header(permit).get("kid")
    if signed_with == KIT_SECRET and KIT_SECRET not in ours:
        return f"its permit is signed with {KIT_SECRET}, which this worker does not have"
    variable = signed_with if signed_with in (KIT_SECRET, LIVEKIT_SECRET) else "secret"
    return f"its permit is signed with another {variable} than this worker's; give both sides the same {KIT_SECRET}"


def _permit(claims: Mapping[str, Any]) -> Permit:
    """Return the permit that the claims describe. Raises NotSigned."""
    kinds: dict[str, type] = dict.fromkeys(("sub", "room", "mode", "suite", "case", "entry", "extra"), str)
    kinds["tools"] = dict
    odd = [name for name, kind in kinds.items() if not isinstance(claims.get(name), kind)]
    odd += [name for name in ("scenario", "seed") if type(claims.get(name)) not in (int, type(None))]
    if odd or claims["mode"] not in set(Mode):
        raise NotSigned("its permit is of another version of cekura-agent-kit")
    return Permit(
        room=claims["room"],
        mode=Mode(claims["mode"]),
        suite=claims["suite"],
        case=claims["case"],
        entry=claims["entry"],
        scenario=claims["scenario"],
        seed=claims["seed"],
        tools=claims["tools"],
        witness=claims["sub"],
    )


def _repeated(metadata: JobMetadata) -> dict[str, Any]:
    """Return the keys beside the permit, for a kit of 0.1; they must agree with it."""
    repeated = {name: metadata.claimed.get(name) for name in ("scenario", "suite", "case")}
    if "tools" in metadata.claimed:
        repeated["tools"] = metadata.claimed["tools"]
    return {"mode": str(metadata.mode), **repeated}


def _digest(own: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex digits, of the metadata's own keys as JSON with sorted keys."""
    return hashlib.sha256(_json(own).encode()).hexdigest()


def _json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        # Deeper than the encoder can follow, which is less than the decoder accepts.
        raise NotSigned("its metadata is nested too deep") from None
