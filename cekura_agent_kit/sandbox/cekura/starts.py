"""Bodies of the two start endpoints, checked field by field as documented."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from ...contract import Mode
from .runs import Invitation

_SCHEMES: Final = frozenset({"ws", "wss"})
_REQUIRED: Final = {"scenario": int, "livekit_room_url": str, "access_token": str}


class Refused(Exception):
    """A request that is answered 400 with ``body``, in one of the documented shapes."""

    def __init__(self, body: Mapping[str, Any] | list[str]) -> None:
        super().__init__(str(body))
        self.body = body


def read_start(body: Any, *, mode: Mode, known: Collection[int]) -> list[tuple[int, Invitation]]:
    """Return the runs that a start asks for, as pairs of scenario id and invitation, in its order.

    Fields that are not documented are refused: what Cekura does with them is not known.

    Args:
        body: the request's JSON.
        mode: in text, ``agent`` and each scenario's ``publish_data_message`` are allowed.
        known: ids of the scenarios that exist.

    Raises:
        Refused: the body is not as documented; names the fields.
    """
    if not isinstance(body, dict):
        raise Refused(["Invalid data. Expected a dictionary."])
    optional = {"agent"} if mode is Mode.TEXT else set()
    _refuse_unknown(body, {"scenarios"} | optional)
    if "agent" in body and (not isinstance(body["agent"], int) or isinstance(body["agent"], bool)):
        raise Refused({"agent": ["A valid integer is required."]})
    if "scenarios" not in body:
        raise Refused({"scenarios": ["This field is required."]})
    if not isinstance(body["scenarios"], list) or not body["scenarios"]:
        raise Refused({"scenarios": ["This list may not be empty."]})
    invitations = [_read_one(each, mode) for each in body["scenarios"]]
    if unknown := sorted({scenario for scenario, _ in invitations} - set(known)):
        raise Refused([f"Scenarios not found: {', '.join(map(str, unknown))}"])
    return invitations


def _read_one(entry: Any, mode: Mode) -> tuple[int, Invitation]:
    if not isinstance(entry, dict):
        raise Refused({"scenarios": ["Invalid data. Expected a dictionary."]})
    _refuse_unknown(entry, _REQUIRED.keys() | ({"publish_data_message"} if mode is Mode.TEXT else set()))
    for name, kind in _REQUIRED.items():
        if not entry.get(name):
            raise Refused({name: ["This field is required."]})
        if not isinstance(entry[name], kind) or isinstance(entry[name], bool):
            raise Refused({name: [f"A valid {'integer' if kind is int else 'string'} is required."]})
    url, token, message = entry["livekit_room_url"], entry["access_token"], entry.get("publish_data_message")
    if urlsplit(url).scheme not in _SCHEMES or not urlsplit(url).hostname:
        raise Refused({"livekit_room_url": ["Enter a valid URL that begins with wss:// or ws://."]})
    if message is not None and not isinstance(message, dict):
        raise Refused({"publish_data_message": ["Expected a dictionary."]})
    _check_token(token)
    return entry["scenario"], Invitation(url, token, message)


def _check_token(token: str) -> None:
    """Check what can be checked without the secret. The server checks the rest when the evaluator joins."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refused({"access_token": ["Not a valid LiveKit access token."]}) from None
    video = claims.get("video")
    if not isinstance(video, dict) or not video.get("roomJoin") or not video.get("room"):
        raise Refused({"errors": {"access_token": ["The token does not allow joining a room."]}})


def _refuse_unknown(given: Mapping[str, Any], allowed: Collection[str]) -> None:
    if unknown := sorted(given.keys() - allowed):
        raise Refused({"errors": {name: ["This field is not known."] for name in unknown}})
