"""The subcommands: the name of each, the module that defines it, and its summary in the help of the whole.

The help of the whole lists them without an import of any: a test compares each summary with its command's docstring.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import typer


class Subcommand(NamedTuple):
    """A command's module in `commands`, and the first paragraph of its docstring.

    The function has the command's name, with ``_`` for ``-``.
    """

    module: str
    summary: str


# In the order in which a newcomer uses them.
SUBCOMMANDS: Final = {
    "init": Subcommand(
        "init",
        "Write a suite, scenarios, tests and a CI workflow for the agent in a folder, or a whole repo where there is "
        "none.",
    ),
    "run": Subcommand("run_command", "Run a suite."),
    "replay": Subcommand(
        "replay",
        "Hold the conversation of a run again, in memory or in the sandbox, and print both beside each other.",
    ),
    "watch": Subcommand(
        "watch",
        "Rehearse the scenarios in memory, and again on each saved file that concerns them; Ctrl-C ends it.",
    ),
    "doctor": Subcommand("doctor", "Check keys, addresses, scenarios, worker and agent. Nothing is billed."),
    "scenarios": Subcommand(
        "scenarios",
        "List scenarios with tags and folder, and what makes each worthless. Nothing is started.",
    ),
    "pull": Subcommand(
        "pull",
        "Write Cekura's scenarios into a scenario file, under their ids; a model plays their callers. Nothing is "
        "started.",
    ),
    "explain": Subcommand(
        "explain",
        "Explain a kind of error, or an outcome: the part at fault, what was billed, and what to do.",
    ),
    "check-agent": Subcommand(
        "check_agent",
        "Check an agent, in any language, against the contract of docs/contract.md, in real LiveKit rooms.",
    ),
    "sandbox": Subcommand(
        "sandbox",
        "Run the sandbox and print its environment as export lines, until Ctrl-C, SIGTERM or SIGHUP.",
    ),
    "worker": Subcommand(
        "worker_command",
        "Serve an agent as `python agent.py start` does, for tests: job processes start quickly, and no load stops "
        "them.",
    ),
    "sweep": Subcommand(
        "sweep",
        "Delete the kit's rooms that are past their deadline, and end their runs on Cekura; list its other rooms.",
    ),
    "report": Subcommand(
        "report",
        "Render JSON reports again. Several reports of one suite, such as its shards, are merged.",
    ),
    "schema": Subcommand(
        "schema",
        "Print the JSON Schema of the suite file, of the JSON report, or of one of the sandbox's files.",
    ),
    "skill": Subcommand(
        "skill",
        "Write a skill file for coding agents: wrapping, scenarios, doubles, reports, and what must be asked first.",
    ),
}


def function_of(name: str) -> Any:
    """Import a subcommand; return its function."""
    module = import_module(f".commands.{SUBCOMMANDS[name].module}", __package__)
    return getattr(module, name.replace("-", "_"))


class LazyCommands(MutableMapping[str, Any]):
    """The library's command by name, for its group. A command is imported when it is read."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            if name not in SUBCOMMANDS:
                raise KeyError(name)
            alone = typer.Typer(add_completion=False)
            alone.command(name)(function_of(name))
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("a subcommand cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(SUBCOMMANDS)

    def __len__(self) -> int:
        return len(SUBCOMMANDS)
