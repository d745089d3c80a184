"""The suite file, ``cekura.yaml``: which scenarios run against which agent, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self, cast

from pydantic import ConfigDict, Field, PrivateAttr, Strict

from ...contract import Mode
from ...errors import SuiteError
from ...file_names import SCENARIOS, default_file
from ...permit import Permit
from ...verdict import PoolId, Selected
from ...yaml_files import WHOLE, Duration, load, place
from .entry_names import check_names, entry_names
from .flags import with_flags
from .given_state import main_agent_part
from .job_checks import GivenState, faults_of
from .plan_size import check_limit, check_most
from .planned_run import PlannedRun
from .run_entry import RunEntry
from .scenario_tools import NO_PART, AgentPart, agent_parts
from .selection import Select
from .suite_values import (
    Concurrency,
    Count,
    Credits,
    Metadata,
    Rate,
    RoomMetadata,
    ScenarioId,
    Seed,
    SuiteModel,
    TestProfile,
    TextSwitch,
    Tools,
    Unscored,
)

DEFAULT_FILE: Final = "cekura.yaml"

_LONGEST_ID: Final = 10**18 - 1
"""Stands for a scenario that is not chosen yet."""
_NAMES_AN_AGENT: Final = {
    "anyOf": [{"required": [key], "properties": {key: {"type": "string"}}} for key in ("agent_name", "worker")]
}


class Suite(SuiteModel):
    """Suite of runs: the agent, the scenarios, the limits. Frozen; times are seconds."""

    model_config = ConfigDict(json_schema_extra=cast(Any, _NAMES_AN_AGENT))

    name: Annotated[str, Field(min_length=1)] = "suite"
    """Name in reports. Default: the file's folder."""
    agent_name: Annotated[str, Field(min_length=1)] | None = None
    """LiveKit agent name to dispatch; required unless `worker` is given."""
    worker: Annotated[str, Field(min_length=1)] | None = None
    """Python file of the agent (`agent.py` or `agent.py:name`), or command of a worker, without a shell. It is started
    for the suite under a name of its own, in the suite's folder."""
    agent: ScenarioId | None = None
    """Cekura's agent id, sent with text starts; not needed if the scenarios have an agent."""
    mode: Mode = Mode.VOICE
    """`text` or `voice`."""
    text_switch: TextSwitch = "wrapper"
    """Switch to text mode: `wrapper` (`wrap_entrypoint`), or `dispatch` for an agent that is not wrapped."""
    concurrency: Concurrency = 5
    """Number of rooms at a time; `auto`: as many as agents come in time for. Default with `--sandbox`: `auto`."""
    witnesses: Annotated[int, Strict(), Field(ge=0), WHOLE] = 20
    """Number of hidden witnesses at a time; a run without one uses Cekura's transcript."""
    agent_timeout: Duration = 20.0
    """Longest time until the agent is ready, counted from its job."""
    timeout: Duration = 1200.0
    """Longest time of a run, from the start's POST to the verdict."""
    suite_timeout: Duration | None = None
    """Longest time of the whole suite."""
    max_runs: Count | None = None
    """A plan with more runs is refused before anything is started."""
    max_credits: Credits | None = None
    """A plan whose estimated cost is higher is refused before anything is started."""
    stop_when_decided: Annotated[bool, Strict()] = False
    """Skip runs that cannot change their pool's outcome any more."""
    seed: Seed | None = None
    """Each run has a seed of its own that is derived from it: `current_call().seed`. Default: random."""
    sandbox: str = SCENARIOS
    """Scenarios of the stand-in, for `--sandbox`."""
    metadata: Metadata = {}
    """Merged into the metadata of every job."""
    room_metadata: RoomMetadata = {}
    """Metadata of every room, as Cekura's rooms have the agent's configuration; an object, or the text of one."""
    test_profile: TestProfile = False
    """`test_profile_data` of every job: `true` for the scenario's own on Cekura, or an object."""
    tools: Tools = {}
    """Behaviour of the agent's tools: `{returns: …}`, `{raises: …}`, `run` or `refuse`; `"*"`: any other tool."""
    pass_rate: Rate | None = None
    """Share of passed runs that each entry needs. Default: all."""
    max_reply: Duration | None = None
    """A passed run fails if one reply took longer."""
    unscored: Unscored = "error"
    """Outcome of a pass in which nothing was measured: `error`, `warn` (passed, with a note) or `pass`."""
    runs: Annotated[list[RunEntry], Field(min_length=1)]
    """Entries: scenarios to run."""

    _file: Path | None = PrivateAttr(default=None)
    _chosen: dict[int, Sequence[int]] = PrivateAttr(default_factory=dict)
    _agent_parts: dict[int, AgentPart] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path = DEFAULT_FILE, *, flags: Mapping[str, Any] | None = None) -> Self:
        """Read a suite file.

        Args:
            path: the file, or the folder that contains ``cekura.yaml``.
            flags: keys that win over the file's; keys of both levels win over those of the runs, too.

        Raises:
            SuiteError: the file is missing, not YAML, or has a wrong key or value; names file and line.
            ScenarioError: the `tools` of a scenario in the file `sandbox` do not fit.
        """
        file = Path(path)
        if file.is_dir():
            file /= DEFAULT_FILE
        suite = load(file, cls, error=SuiteError)
        if "name" not in suite.model_fields_set:
            suite = suite.model_copy(update={"name": file.resolve().parent.name or "suite"})
        suite = with_flags(suite, flags or {})
        suite._file = file
        if suite.scenarios_file.is_file():
            suite._agent_parts = agent_parts(suite.scenarios_file)
        suite.check()
        return suite

    def check(self) -> None:
        """Check what depends on several keys.

        Raises:
            SuiteError: no agent to dispatch, a data message in voice, two entries with one name, too many runs.
        """
        if self.agent_name is None and self.worker is None:
            raise SuiteError(
                f"{self.place()}agent_name is required unless `worker` is given",
                hint="name the agent that your worker registers, or give the worker's command",
            )
        for index, run in enumerate(self.runs):
            if run.publish_data_message is not None and (run.mode or self.mode) is Mode.VOICE:
                raise SuiteError(
                    f"{self.place('runs', index, 'publish_data_message')}Cekura sends data messages in text runs only",
                    hint="add `mode: text` to the run, or remove `publish_data_message`",
                )
            self._check_job(index, run.scenario or _LONGEST_ID)
        check_names([entry.name for entry in self.runs], self.place)
        check_most(sum(entry.repeat for entry in self.runs), self.place)

    def check_size(self, plan: Sequence[PlannedRun]) -> None:
        """Check the number of runs, once the scenarios are chosen and the plan is narrowed.

        Raises:
            SuiteError: there are more than `max_runs`.
        """
        check_limit(len(plan), self.max_runs, self.place)

    def plan(self) -> list[PlannedRun]:
        """Return all runs, in the order of the file.

        Raises:
            SuiteError: a `select` was not read yet, or there are too many runs.
        """
        seen: Counter[int] = Counter()
        scenarios = [self._scenarios_of(index) for index in range(len(self.runs))]
        check_most(sum(entry.repeat * len(ids) for entry, ids in zip(self.runs, scenarios, strict=True)), self.place)
        planned = []
        for entry, name, ids in zip(self.runs, self.entry_names(), scenarios, strict=True):
            for scenario in (each for each in ids for _ in range(entry.repeat)):
                seen[scenario] = occurrence = seen[scenario] + 1
                planned.append(
                    PlannedRun(
                        case=f"{scenario}#{occurrence}",
                        entry=name,
                        scenario=scenario,
                        occurrence=occurrence,
                        mode=(mode := entry.mode or self.mode),
                        timeout=entry.timeout or self.timeout,
                        metadata={**self.metadata, **entry.metadata},
                        room_metadata={**self.room_metadata, **entry.room_metadata},
                        test_profile=self._profile_of(entry),
                        tools=self._tools_of(entry, scenario),
                        job_attributes=self._agent_parts.get(scenario, NO_PART).attributes(mode),
                        seed=entry.seed,
                        publish_data_message=entry.publish_data_message,
                        max_reply=entry.max_reply or self.max_reply,
                        unscored=entry.unscored or self.unscored,
                    )
                )
        return planned

    def needs_wrapper(self, plan: Iterable[PlannedRun]) -> bool:
        """Return True if the plan has runs that an agent without `wrap_entrypoint` cannot serve."""
        return self.text_switch == "wrapper" and any(planned.mode is Mode.TEXT for planned in plan)

    def pass_rates(self) -> dict[PoolId, float]:
        """Return the share of passed runs that each pool needs."""
        rates: dict[PoolId, float] = {}
        for index, (entry, name) in enumerate(zip(self.runs, self.entry_names(), strict=True)):
            rate = next((each for each in (entry.pass_rate, self.pass_rate) if each is not None), 1.0)
            rates |= {PoolId(name, each, entry.mode or self.mode): rate for each in self._scenarios_of(index)}
        return rates

    @property
    def selects(self) -> dict[int, Select]:
        """The `select`s, by the index of their entry in `runs`."""
        return {index: entry.select for index, entry in enumerate(self.runs) if entry.select is not None}

    def selected(self) -> list[Selected]:
        """Return what each `select` has found, for plan and report."""
        names = self.entry_names()
        return [
            Selected(entry=names[index], select=select.described, scenarios=list(self._scenarios_of(index)))
            for index, select in self.selects.items()
        ]

    def with_chosen(self, chosen: Mapping[int, Sequence[int]]) -> Self:
        """Return the suite, with the scenarios that its `select`s have found.

        Raises:
            SuiteError: the `tools` of one of them cannot be sent.
        """
        copy = self.model_copy()
        copy._chosen = dict(chosen)
        for index, scenarios in chosen.items():
            for scenario in sorted(self._agent_parts.keys() & set(scenarios)):
                self._check_job(index, scenario)
        return copy

    def entry_names(self) -> list[str]:
        """Return the names of the entries: their own, or scenarios and mode, numbered from the second on."""
        return entry_names([(entry.name, f"{entry.described} {entry.mode or self.mode}") for entry in self.runs])

    def _scenarios_of(self, index: int) -> Sequence[int]:
        """Return the scenarios of an entry.

        Raises:
            SuiteError: its `select` was not read yet.
        """
        if (scenario := self.runs[index].scenario) is not None:
            return [scenario]
        if index not in self._chosen:
            raise SuiteError(
                f"{self.place('runs', index, 'select')}the scenarios are not chosen yet",
                hint="`run_suite` chooses them; `trigger.choosing.choose` returns the suite with its scenarios",
            )
        return self._chosen[index]

    def _profile_of(self, entry: RunEntry) -> dict[str, Any] | bool:
        profile = self.test_profile if entry.test_profile is None else entry.test_profile
        return profile if isinstance(profile, bool) else main_agent_part(profile)

    def _tools_of(self, entry: RunEntry, scenario: int) -> dict[str, Any]:
        """Return the doubles of an entry's runs: the suite's, over them the scenario's, over them its own."""
        return {**self.tools, **self._agent_parts.get(scenario, NO_PART).tools, **entry.tools}

    def _check_job(self, index: int, scenario: int) -> None:
        run = self.runs[index]
        state = GivenState(
            scenario=scenario,
            metadata={**self.metadata, **run.metadata},
            room_metadata={**self.room_metadata, **run.room_metadata},
            test_profile=self._profile_of(run),
            tools=self._tools_of(run, scenario),
        )
        permit = Permit(room="x" * 32, mode=run.mode or self.mode, suite=self.name, case=f"{scenario}#1000")
        for key, error in faults_of(state, permit, by_dispatch=self.text_switch == "dispatch"):
            raise SuiteError(f"{self._place_of(index, key, scenario)}{error}", hint=error.hint) from None

    def _place_of(self, index: int, key: str, scenario: int) -> str:
        """Return the beginning of an error about what an entry gives to the agent: file, line and key."""
        if key == "tools" and self._agent_parts.get(scenario, NO_PART).tools and not self.runs[index].tools:
            return f"{self.place('runs', index)}{place(self.scenarios_file, str(scenario), key)}"
        # Where the entry says nothing of it, the suite does.
        return (
            self.place("runs", index, key)
            if getattr(self.runs[index], key) or not getattr(self, key)
            else self.place(key)
        )

    @property
    def folder(self) -> Path:
        """Folder of the suite's file; the current folder for a suite made in Python."""
        return self._file.resolve().parent if self._file else Path.cwd()

    @property
    def scenarios_file(self) -> Path:
        """File with the stand-in's scenarios."""
        return default_file(self.folder, SCENARIOS) if self.sandbox == SCENARIOS else self.folder / self.sandbox

    def place(self, *loc: str | int) -> str:
        """Return the beginning of an error about a key: file and line; empty for a suite made in Python."""
        return place(self._file, *loc) if self._file else ""
