"""Marks of the kit's rooms: one key, ``cekura_kit``, in a room's metadata, beside the suite's. Read by `sweep`. Pure.

    {"cekura_kit": {"suite": "support", "suite_id": "1a2b3c4d", "made": 1764123000.0, "deadline": 1764124340.0,
                    "run_id": 7001, "proof": "<64 hex digits>"}}

``made`` and ``deadline`` are Unix seconds. ``run_id`` and its proof are added when the run was started on Cekura. A
participant's token can set a room's metadata, so a run id counts only with its proof (`permit.verify_run`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...contract import ROOM_KEY, parse_object
from ...permit import Key, run_proof


def room_metadata(
    own: Mapping[str, Any] | None = None, *, suite: str, suite_id: str, made: float, deadline: float
) -> str:
    """Return the metadata of a new room: the suite's `room_metadata`, and the mark."""
    mark = {"suite": suite, "suite_id": suite_id, "made": made, "deadline": deadline}
    return json.dumps({**(own or {}), ROOM_KEY: mark})


def with_run(metadata: str, *, room: str, run_id: int, key: Key) -> str | None:
    """Return a room's metadata with the id of its run; None if the mark is no longer in it."""
    whole = parse_object(metadata)
    mark = whole.get(ROOM_KEY) if whole else None
    if whole is None or not isinstance(mark, dict):
        return None
    run = {"run_id": run_id, "proof": run_proof(room=room, run_id=run_id, key=key)}
    return json.dumps(whole | {ROOM_KEY: mark | run})
