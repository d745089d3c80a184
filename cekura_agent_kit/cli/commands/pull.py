"""`cekura-kit pull [SUITE]`: write Cekura's scenarios into a scenario file, and show what changed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ...counting import counted
from ..console import say

if TYPE_CHECKING:
    from ...pull.changes import Change
    from ...pull.chosen import Chosen
    from ...pull.entries_file import EntriesFile
    from ...trigger.plan.selection import Select
    from ...trigger.plan.suite import Suite

_STATE_WIDTH: Final = 15
_CHOOSE: Final = "name them by --scenario, --tag, --folder or --agent, or give a suite"


def pull(
    suite: Annotated[
        Path | None,
        typer.Argument(metavar="[SUITE]", help="Suite file or its folder. Default: cekura.yaml, if it exists."),
    ] = None,
    scenario: Annotated[
        list[int] | None, typer.Option("--scenario", metavar="ID", help="This scenario, and others given.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Those with this tag, or another one given.")
    ] = None,
    folder: Annotated[str | None, typer.Option(metavar="PATH", help="Those in this folder, or below it.")] = None,
    agent: Annotated[int | None, typer.Option(help="Those of this agent on Cekura.")] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Scenario file. Default: the suite's, or cekura.scenarios.yaml."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite pulled scenarios that were edited in the file.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep pulled scenarios that were edited in the file; write the others.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove pulled scenarios that are gone.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what changed as JSON; - prints it.")
    ] = None,
) -> None:
    """Write Cekura's scenarios into a scenario file, under their ids; a model plays their callers. Nothing is started.

    Without any choice: the scenarios of the suite. What a person wrote in the file stays as it is.

    Exit codes: 0 the file is up to date, or would be; 2 an error, none could be pulled, or the same scenario was
    edited in the file and on Cekura.
    """
    from ...errors import ScenarioError
    from ...pull.changes import State, as_json, compare, diff_of, written
    from ...trigger.plan.suite import Suite
    from .. import signals
    from ..option_values import suite_here
    from ..outputs import check_writable, is_stdout, write_json

    if force and keep:
        raise ScenarioError("--force and --keep contradict each other", hint="give one of them")
    given = suite_here(suite)
    loaded = Suite.load(given) if given is not None else None
    check_writable({"json": json_file})
    file = _read(_target(to, loaded))
    select = _select(tag or [], folder, agent)
    chosen = signals.run(_chosen(file, loaded, scenario or [], select))
    changes = compare(file, chosen.scenarios, chosen.gone)
    diff = diff_of(file, changes, prune=prune)
    say("\n".join(_lines(changes, diff, chosen.notes)), err=is_stdout(json_file))
    conflicts = [each for each in changes if each.state is State.CONFLICT]
    if conflicts and not (force or keep):
        ids = ", ".join(str(each.id) for each in conflicts)
        raise ScenarioError(
            f"{file.path}: edited here since the last pull, and changed on Cekura: {ids}. Nothing was written",
            hint="--keep keeps your edits and writes the others; --force overwrites your edits",
        )
    entries = written(changes, force=force, prune=prune)
    if all(each.state is State.REFUSED for each in changes):
        raise ScenarioError("none of these scenarios can be played by a model", hint="run them on Cekura")
    writes = bool(entries) and not dry_run
    if writes:
        _write(file, entries)
    say(_summary(file, changes, entries, dry_run=dry_run), err=is_stdout(json_file))
    if json_file is not None:
        write_json(as_json(file.path, changes, diff=diff, notes=chosen.notes, written=writes), json_file)


def _target(to: Path | None, suite: Suite | None) -> Path:
    from ...errors import ScenarioError
    from ...file_names import SCENARIOS, default_file, is_for_livekit

    path = to or (suite.scenarios_file if suite is not None else default_file(Path(), SCENARIOS))
    if path.exists() and is_for_livekit(path):
        raise ScenarioError(
            f"{path}: it has scenarios for LiveKit's simulator, in a form of its own",
            hint="give another file with --to",
        )
    return path


def _read(path: Path) -> EntriesFile:
    from ...pull.entries_file import EntriesFile, has_entries
    from ...sandbox.cekura.scenarios import load_scenarios

    if not path.exists():
        return EntriesFile.of(path, "")
    if not has_entries(path):
        # As `--prune` leaves it.
        return EntriesFile(path, path.read_text("utf-8"), {})
    # Any fault of the file is told with its line.
    load_scenarios(path)
    with path.open(encoding="utf-8", newline="") as stream:
        return EntriesFile.of(path, stream.read())


def _select(tags: Sequence[str], folder: str | None, agent: int | None) -> Select | None:
    from ...trigger.plan.selection import Select

    keys: dict[str, Any] = {"any_tags": list(tags) or None, "folder": folder, "agent": agent}
    return Select(**keys) if any(value is not None for value in keys.values()) else None


async def _chosen(file: EntriesFile, suite: Suite | None, ids: Sequence[int], select: Select | None) -> Chosen:
    from ...errors import SuiteError
    from ...pull.chosen import read_chosen, read_of_suite
    from ...trigger.cekura.client import Cekura
    from ...trigger.settings.settings import Settings

    if not ids and select is None and suite is None:
        raise SuiteError("no scenario is chosen, and there is no suite here", hint=_CHOOSE)
    settings = Settings.from_environment(*([suite.folder] if suite else []), livekit=False)
    settings.check()
    entries = {key: entry.value for key, entry in file.entries.items()}
    async with Cekura(settings) as cekura:
        if suite is not None and not ids and select is None:
            return await read_of_suite(cekura, entries, suite)
        return await read_chosen(cekura, entries, ids=ids, select=select)


def _write(file: EntriesFile, entries: Mapping[int, Mapping[str, Any] | None]) -> None:
    from ...errors import ScenarioError
    from ...whole_file import write_whole

    text = file.with_entries(entries)
    try:
        write_whole(file.path, text, newline="")
    except OSError as error:
        raise ScenarioError(
            f"{file.path}: cannot be written ({error.strerror})", hint="give a file in a folder that can be written to"
        ) from None


def _lines(changes: Sequence[Change], diff: str, notes: Sequence[str]) -> list[str]:
    from ...report.sanitize import console_line

    rows = []
    for each in changes:
        reason = f": {each.reason}" if each.reason else ""
        rows.append(f"{each.state.value.ljust(_STATE_WIDTH)} {each.id}  {console_line(each.name + reason, 300)}")
    return [*([diff, ""] if diff else []), *rows, *(f"note: {console_line(note)}" for note in notes)]


def _summary(
    file: EntriesFile, changes: Sequence[Change], entries: Mapping[int, Mapping[str, Any] | None], *, dry_run: bool
) -> str:
    from collections import Counter

    states = ", ".join(f"{count} {state.value}" for state, count in Counter(each.state for each in changes).items())
    if not entries:
        done = f"{file.path} is up to date"
    elif dry_run:
        done = f"{file.path} would have {counted(len(entries), 'scenario')} written"
    else:
        done = f"{counted(len(entries), 'scenario')} written to {file.path}"
    return f"{counted(len(changes), 'scenario')}: {states}. {done}."
