"""The fixture `rehearse`: makes the rehearsals of one test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from livekit.agents import llm as lk

from ..cassettes.tape import RecordMode
from ..contract import Mode
from ..sandbox.caller.callers import Callers
from ..sandbox.models.rules import Rules
from .internals.sessions import hide_frames
from .model import load_model
from .processes import Processes
from .rehearsal import TIMEOUT, Rehearsal
from .rule_use import RuleUse
from .tapes import Cassette, Tapes, cassette
from .transcript import report

__tracebackhide__ = True

_processes: pytest.StashKey[Processes] = pytest.StashKey()
RULE_USE: pytest.StashKey[RuleUse] = pytest.StashKey()
"""Rules and scenarios that the rehearsals of this process used, in pytest's configuration."""

TAPES: pytest.StashKey[Tapes] = pytest.StashKey()
"""The cassettes that the rehearsals of this process used, in pytest's configuration."""
MARKER: Final = "cekura_cassette"


def mode_of(config: pytest.Config) -> RecordMode | None:
    """Return the value of ``--cekura-record``; None if it is not given.

    In a process of pytest-xdist a missing cassette is not recorded: another process would write the same file.
    """
    given = config.getoption("--cekura-record")
    if given is None and hasattr(config, "workerinput"):
        return RecordMode.NONE
    return RecordMode(given) if given is not None else None


def marked_cassette(request: pytest.FixtureRequest) -> Cassette | None:
    """Return the cassette of the test's marker; without a name, ``cassettes/test_agent/test_books.yaml``."""
    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        return None
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    own = Path("cassettes", request.path.stem, f"{name}.yaml")
    return cassette(*(marker.args or (own,)), **marker.kwargs)


def folders_of(path: Path, config: pytest.Config) -> Iterator[Path]:
    """Yield the folders in which a test's relative paths are searched: its own, those above it up to pytest's root, and
    the folder in which pytest was started.
    """
    folder, root = path.parent, config.rootpath
    yield folder
    while folder != root and folder != folder.parent:
        folder = folder.parent
        yield folder
    yield root
    yield config.invocation_params.dir


class Rehearse:
    """Makes rehearsals for one test. Servers are prewarmed once a pytest session.

    Attributes:
        folders: folders in which relative paths are searched: beside the test, and upwards.
        rules: rules and scenarios that the rehearsals of this process used.
        calls: the rehearsals of this test, each with the name of its target.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        hide_frames()
        self.folders = list(folders_of(request.path, request.config))
        self._processes = request.config.stash.setdefault(_processes, Processes())
        self.rules = request.config.stash.setdefault(RULE_USE, RuleUse())
        self._tapes = request.config.stash.setdefault(TAPES, Tapes(mode_of(request.config)))
        self._command = f"pytest {shlex.quote(request.node.nodeid)}"
        self._cassette = marked_cassette(request)
        self.calls: list[tuple[str, Rehearsal]] = []

    def __call__(
        self,
        target: object,
        *,
        metadata: Mapping[str, Any] | str | None = None,
        mode: Mode | str = Mode.TEXT,
        llm: lk.LLM[Any] | Rules | Cassette | str | Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        scenario: int = 0,
        tools: Mapping[str, Any] | None = None,
        room_metadata: Mapping[str, Any] | str | None = None,
        test_profile: Mapping[str, Any] | None = None,
        seed: int | None = None,
        userdata: Mapping[str, Any] | None = None,
    ) -> Rehearsal:
        """Return a call of the agent, to be used with ``async with``.

        Args:
            target: an `AgentServer`, `WorkerOptions`, an entrypoint, ``"agent.py"`` or ``"agent.py:name"``; a path is
                searched beside the test and in the folders above it.
            metadata: the job's metadata, beside ``text_mode``.
            mode: only ``"text"``.
            llm: replaces the session's and its agents' models: an `LLM`, a file of the sandbox's model rules, or a
                `cassette`. Default: the one of the marker ``cekura_cassette``.
            env: environment variables of the rehearsal.
            timeout: seconds for the agent's start, and for each turn.
            scenario: Cekura's scenario id; ``current_call().scenario_id``.
            tools: what the agent's tools do, by their names: a function that stands for the tool, or as in a suite.
            room_metadata: the room's metadata, a mapping or the JSON of an object.
            test_profile: the scenario's test profile; its part for the agent is ``current_call().test_profile_data``.
            seed: ``current_call().seed``, for what is random in a fake; default: random.
            userdata: ``ctx.simulation_context().userdata()``, as in LiveKit's simulator; None: no simulation.
        """
        llm = llm if llm is not None else self._cassette
        model = load_model(llm, self.folders, self._tapes, command=self._command)
        self.rules.add(llm, model)
        call = Rehearsal(
            target,
            metadata=metadata,
            mode=mode,
            llm=model,
            env=env,
            timeout=timeout,
            scenario=scenario,
            tools=tools,
            room_metadata=room_metadata,
            test_profile=test_profile,
            seed=seed,
            userdata=userdata,
            folders=self.folders,
            processes=self._processes,
        )
        name = target if isinstance(target, str | Path) else getattr(target, "__name__", type(target).__name__)
        self.calls.append((str(name), call))
        return call

    def callers(self, recorded: str | Path | Cassette | None) -> Callers:
        """Return what plays callers: by the environment's model, or by a cassette of its answers.

        Args:
            recorded: the cassette. A relative path is searched as `folders` says.
        """
        if recorded is None:
            return Callers()
        given = recorded if isinstance(recorded, Cassette) else cassette(recorded)
        return Callers(player=lambda: self._tapes.player(given, self.folders, command=self._command))

    def sections(self) -> list[tuple[str, str]]:
        """Return the sections of a failed test's report, one for each rehearsal."""
        return [(f"rehearsal of {name}", report(call)) for name, call in self.calls]
