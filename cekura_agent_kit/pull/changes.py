"""Comparison of Cekura's scenarios with a scenario file: new, changed, edited here, gone. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ..sandbox.cekura.scenarios import Scenario
from ..trigger.cekura.api_scenario import ApiScenario
from ..yaml_files import problems
from .entries_file import EntriesFile, Entry
from .pulled import content_hash, entry_of, is_pulled, pulled_hash, why_unplayed

_CONTEXT: Final = 2
"""Lines around each change of a diff."""


class State(StrEnum):
    """State of one scenario, in the file and on Cekura."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    EDITED = "edited here"
    """Edited in the file since it was pulled, and the same on Cekura: it stays."""
    CONFLICT = "edited here, changed there"
    """Edited in the file since it was pulled, and changed on Cekura."""
    BY_HAND = "written by hand"
    """Written by a person under the same id: it stays."""
    GONE = "gone"
    """Pulled once, and not on Cekura any more, or not among the chosen."""
    REFUSED = "refused"
    """Of a kind that a model cannot play."""


@dataclass(frozen=True)
class Change:
    """One scenario.

    Attributes:
        reason: why it is refused, or what else there is to know.
        entry: as Cekura has it now; None if it has none that can be played.
    """

    id: int
    name: str
    state: State
    reason: str = ""
    entry: Mapping[str, Any] | None = None
    updated_at: str = ""


def compare(file: EntriesFile, found: Sequence[ApiScenario], gone: Collection[int]) -> list[Change]:
    """Return the state of each scenario, by ids.

    Args:
        file: the scenario file.
        found: the chosen scenarios on Cekura.
        gone: ids of pulled entries that were asked for, and not found.
    """
    changes = [_change(file.entries.get(each.id), each) for each in found]
    for key in gone:
        value = file.entries[key].value
        reason = "not on Cekura any more, or not among the chosen"
        changes.append(Change(key, str(value.get("name", "")), State.GONE, reason))
    return sorted(changes, key=lambda each: each.id)


def written(changes: Sequence[Change], *, force: bool, prune: bool) -> dict[int, Mapping[str, Any] | None]:
    """Return what is to be written: entries by id, None for one that is removed.

    Args:
        changes: of `compare`.
        force: write what was edited in the file, too.
        prune: remove what is gone.
    """
    states = {State.NEW, State.CHANGED} | ({State.EDITED, State.CONFLICT} if force else set())
    entries: dict[int, Mapping[str, Any] | None] = {each.id: each.entry for each in changes if each.state in states}
    return entries | {each.id: None for each in changes if prune and each.state is State.GONE}


def diff_of(file: EntriesFile, changes: Sequence[Change], *, prune: bool) -> str:
    """Return what changed on Cekura, as a unified diff of the file. New entries are left out."""
    states = {State.CHANGED, State.CONFLICT}
    entries: dict[int, Mapping[str, Any] | None] = {each.id: each.entry for each in changes if each.state in states}
    entries |= {each.id: None for each in changes if prune and each.state is State.GONE}
    lines = difflib.unified_diff(
        file.text.splitlines(),
        file.with_entries(entries).splitlines(),
        f"{file.path}",
        f"{file.path} (Cekura)",
        n=_CONTEXT,
        lineterm="",
    )
    return "\n".join(lines)


def as_json(path: Path, changes: Sequence[Change], *, diff: str, notes: Sequence[str], written: bool) -> dict[str, Any]:
    """Return the JSON of the command.

    Args:
        path: of the scenario file.
        changes: of `compare`.
        diff: of `diff_of`.
        notes: on the choice of the scenarios.
        written: the file was written.
    """
    keys = ("id", "name", "state", "reason", "updated_at")
    scenarios = [{key: getattr(each, key) for key in keys} for each in changes]
    whole = {"version": 1, "file": str(path), "written": written, "scenarios": scenarios}
    return {**whole, "diff": diff, "notes": list(notes)}


def _change(entry: Entry | None, scenario: ApiScenario) -> Change:
    name, updated_at = scenario.name, scenario.updated_at
    if entry is not None and not is_pulled(entry.value):
        reason = "a person wrote it under this id, and it stays the default"
        return Change(scenario.id, name, State.BY_HAND, reason, updated_at=updated_at)
    reason = why_unplayed(scenario)
    pulled = entry_of(scenario) if not reason else None
    if pulled is not None:
        reason = _misfit(pulled)
    if reason or pulled is None:
        if entry is not None:
            reason += "; the entry of an earlier pull stays"
        return Change(scenario.id, name, State.REFUSED, reason, updated_at=updated_at)
    return Change(scenario.id, name, *_state(entry, pulled), pulled, updated_at)


def _state(entry: Entry | None, pulled: Mapping[str, Any]) -> tuple[State, str]:
    """Compare three contents: what was pulled last, what is in the file, what Cekura has now."""
    if entry is None:
        return State.NEW, ""
    last, here, there = pulled_hash(entry.value), content_hash(entry.value), content_hash(pulled)
    if here == there:
        return State.UNCHANGED, ""
    if last == there:
        return State.EDITED, "Cekura has what was pulled last: the file stays"
    if last != here:
        return State.CONFLICT, ""
    if entry.has_comment:
        return State.CONFLICT, "its comments would be lost"
    return State.CHANGED, ""


def _misfit(entry: Mapping[str, Any]) -> str:
    """Return why the scenario file could not have this entry; an empty text if it can."""
    try:
        Scenario.model_validate(dict(entry))
    except ValidationError as fault:
        return "; ".join(problems(fault, Scenario).splitlines())
    return ""
