"""`cekura-kit init DIR`: a small, complete agent repo to start from, or what a repo with an agent needs for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import say

if TYPE_CHECKING:
    from ...scaffold.agent_parts import Parts
    from ...scaffold.agents import FoundAgent
    from ...scaffold.wrapping import Change

_OWN_COMMANDS = ("Makefile", "pyproject.toml")
"""Files of the template that the commands of its last words need."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to; created if it does not exist.")],
    agent: Annotated[
        str, typer.Option("--agent", metavar="FILE[:NAME]", help="The agent, where the folder has several.")
    ] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Apply the diff that wraps the agent.")] = False,
) -> None:
    """Write a suite, scenarios, tests and a CI workflow for the agent in a folder, or a whole repo where there is none.

    The agent's code is read, not run. The change that it needs is shown as a diff, and made with --apply. No file is
    overwritten.
    """
    from ...scaffold.agents import choose_agent

    root = folder.resolve()
    found = choose_agent(root, agent) if agent or root.is_dir() else None
    if found is None:
        _new_repo(folder)
    else:
        _existing_repo(folder, found, apply=apply)


def _new_repo(folder: Path) -> None:
    from ...errors import KitError
    from ...scaffold.template import name_of, template_files

    if (folder / "agent.py").exists():
        raise KitError(
            f"{folder / 'agent.py'} is there, and no LiveKit agent was found in it or elsewhere in {folder}",
            hint="name the agent's file with --agent FILE, or give a new folder",
        )
    kept = _write(folder, template_files(name_of(folder)))
    if mine := [name for name in _OWN_COMMANDS if Path(name) in kept]:
        say(
            f"\nNext, without the template's {' and '.join(mine)}:\n"
            f"  cd {folder}\n"
            f"  pip install 'cekura-agent-kit[sandbox]' livekit-plugins-openai livekit-plugins-silero pytest "
            f"pytest-asyncio\n"
            f"  cekura-kit run --sandbox             run the scenarios against agent.py: no key, no cloud\n"
            f"  python -m pytest tests/test_agent.py -o asyncio_mode=auto"
        )
    else:
        say(
            f"\nNext:\n"
            f"  cd {folder}\n"
            f"  make demo    run the scenarios against this agent, on this machine: no key, no cloud\n"
            f"  make test    test the agent in pytest"
        )
    _say_keys()


def _existing_repo(folder: Path, agent: FoundAgent, *, apply: bool) -> None:
    from ...scaffold.agent_parts import parts_of
    from ...scaffold.existing_repo import SUITE, added_files
    from ...scaffold.wrapping import changes_for

    parts = parts_of(agent)
    say(f"Found {agent.place}{_found(parts)}.")
    changes = changes_for(agent)
    for change in changes:
        say("\n" + change.diff.rstrip())
        if apply:
            change.apply()
    say()
    files = added_files(agent, parts)
    if (folder / SUITE).exists():
        # What is made from the agent fits the suite that is made with it.
        say(f"{folder / SUITE} is there, so only what is independent of it is written.")
        files = {path: text for path, text in files.items() if path.suffix in (".json", ".yml")}
    _write(folder, files)
    _say_next(folder, agent, parts, changes, applied=apply)


def _found(parts: Parts) -> str:
    from ...counting import counted

    return f", with {counted(len(parts.tools), 'tool')}" if parts.tools else ""


def _say_next(folder: Path, agent: FoundAgent, parts: Parts, changes: Sequence[Change], *, applied: bool) -> None:
    from ...file_names import is_for_livekit
    from ...scaffold.existing_repo import MAKEFILE, packages_of

    say("\nNext:")
    if agent.root != Path.cwd():
        say(f"  cd {folder}")
    if changes and not applied:
        named = f" --agent {agent.target}" if not agent.alone else ""
        say(f"  cekura-kit init .{named} --apply    apply the diff above, or apply it by hand")
    say(f"  {packages_of(agent.root, parts).advice}: the agent imports it")
    if (agent.root / MAKEFILE).exists():
        say(f"  make -f {MAKEFILE} test    test the agent in pytest, in memory: no key")
        say(f"  make -f {MAKEFILE} demo    run the scenarios in the sandbox: no key, no cloud")
    else:
        say("  cekura-kit run --sandbox    run the suite in the sandbox: no key, no cloud")
    if agent.is_wrapped:
        say(f"{agent.place} was wrapped already.")
    elif not changes:
        say(f"{agent.place} could not be changed by this command: see docs/wrapping.md for the form that fits it.")
    if not agent.server and not agent.is_options and agent.registered is not None:
        say(
            f"Its AgentServer is made inside of a function, where `cekura-kit worker` and tests cannot find it: assign "
            f"it to a name of {agent.file}."
        )
    if foreign := [each for each in parts.llms if each != "openai"]:
        say(
            f"The sandbox has no stand-in for the language model of {', '.join(foreign)}: for the demo, give its real "
            f"key. The tests in memory need none."
        )
    if parts.realtime:
        say("The sandbox has no stand-in for realtime models: the demo cannot judge them. The tests in memory can.")
    if is_for_livekit(agent.root / "scenarios.yaml"):
        say("scenarios.yaml is for LiveKit's simulator. It stays as it is, and cekura-kit does not read it.")
    _say_keys()


def _say_keys() -> None:
    say(
        "Then put your keys into .env and your scenario ids into cekura.yaml. `cekura-kit doctor` lists what is still "
        "missing, before anything costs money."
    )


def _write(folder: Path, files: Mapping[Path, str]) -> list[Path]:
    """Write the files that do not exist. Return those that do.

    Raises:
        KitError: the folder cannot be written to.
    """
    from ...errors import KitError

    kept = []
    try:
        for path, text in sorted(files.items()):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with target.open("x", encoding="utf-8") as new:
                    new.write(text)
            except FileExistsError:
                kept.append(path)
            else:
                say(f"  wrote {target}")
    except OSError as error:
        raise KitError(f"{error.filename}: {error.strerror}", hint="give a folder that can be written to") from None
    for path in kept:
        say(f"  kept  {folder / path}, which already exists")
    return kept
