"""The suite file, ``cekura.yaml``: which scenarios run against which agent, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, Strict, ValidationError

from ..contract import RESERVED_KEYS, Mode
from ..errors import SuiteError
from ..yaml_files import Duration, load, place

DEFAULT_FILE: Final = "cekura.yaml"

_FOR_EVERY_RUN: Final = ("mode", "timeout", "pass_rate", "max_reply")
"""Keys of both levels: as a flag they win over the runs' own, too."""


def _unreserved(metadata: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(RESERVED_KEYS & metadata.keys()):
        raise ValueError(
            f"{', '.join(map(repr, taken))} is written by the kit itself; use `mode`, and other names for your own keys"
        )
    return metadata


Count = Annotated[int, Strict(), Field(ge=1)]
Repeat = Annotated[int, Strict(), Field(ge=1, le=1000)]
"""Each is billed: more of one is a slip of the finger."""
ScenarioId = Annotated[int, Strict(), Field(ge=1, lt=2**63)]
Metadata = Annotated[dict[str, Any], AfterValidator(_unreserved)]
Rate = Annotated[float, Field(ge=0, le=1)]
TextSwitch = Literal["wrapper", "dispatch"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RunEntry(_Model):
    """One entry of ``runs``."""

    scenario: ScenarioId
    """Cekura's scenario id."""
    repeat: Repeat = 1
    """How often it runs."""
    mode: Mode | None = None
    """`text` or `voice`; the suite's where it is not given."""
    timeout: Duration | None = None
    """From its POST to its verdict; the suite's where it is not given."""
    metadata: Metadata = {}
    """Merged over the suite's metadata into the job's."""
    publish_data_message: dict[str, Any] | None = None
    """Sent into the room by Cekura's evaluator; text only."""
    pass_rate: Rate | None = None
    """From which share of passed runs the scenario counts as passed."""
    max_reply: Duration | None = None
    """A passed run fails when the agent once took longer to reply."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run to be made. ``case`` is ``SCENARIO#N``: the Nth occurrence of that scenario in the suite."""

    case: str
    scenario: int
    occurrence: int
    mode: Mode
    timeout: float
    metadata: Mapping[str, Any]
    publish_data_message: Mapping[str, Any] | None
    max_reply: float | None


class Suite(_Model):
    """A suite: the agent, the runs, and the limits. Frozen; times are seconds."""

    name: Annotated[str, Field(min_length=1)] = "suite"
    """Shown in reports; the file's folder where it is not given."""
    agent_name: Annotated[str, Field(min_length=1)] | None = None
    """The LiveKit agent name to dispatch; required unless `worker` is given."""
    worker: Annotated[str, Field(min_length=1)] | None = None
    """Command of a worker, started for the suite under a name of its own, in the suite's folder; no shell."""
    agent: ScenarioId | None = None
    """Cekura's agent id, sent with text starts; not needed where the scenarios have an agent."""
    mode: Mode = Mode.VOICE
    """`text` or `voice`."""
    text_switch: TextSwitch = "wrapper"
    """How text mode is reached: by `wrap_entrypoint`, or by the dispatch of an agent that is not wrapped."""
    concurrency: Count = 5
    """Rooms at once."""
    witnesses: Annotated[int, Strict(), Field(ge=0)] = 20
    """Hidden witnesses at once; a run without one takes Cekura's transcript."""
    agent_timeout: Duration = 20.0
    """Until the agent is ready, counted from the appearance of its job."""
    timeout: Duration = 1200.0
    """One run, from its POST to its verdict."""
    suite_timeout: Duration | None = None
    """The whole suite."""
    max_runs: Count | None = None
    """A plan with more runs is refused before anything is started."""
    sandbox: str = "scenarios.yaml"
    """Scenarios of the stand-in, for `--sandbox`."""
    metadata: Metadata = {}
    """Merged into the metadata of every job."""
    pass_rate: Rate | None = None
    """From which share of passed runs a scenario counts as passed; all of them where it is not given."""
    max_reply: Duration | None = None
    """A passed run fails when the agent once took longer to reply."""
    runs: Annotated[list[RunEntry], Field(min_length=1)]
    """What runs."""

    _file: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path = DEFAULT_FILE, *, flags: Mapping[str, Any] | None = None) -> Self:
        """Read a suite file.

        Args:
            path: the file, or the folder in which ``cekura.yaml`` stands.
            flags: keys that win over the file's; those of both levels win over the runs' own, too.

        Raises:
            SuiteError: it is missing, no YAML, or says what it may not; with file, line and what is allowed.
        """
        file = Path(path)
        if file.is_dir():
            file /= DEFAULT_FILE
        suite = load(file, cls, error=SuiteError)
        if "name" not in suite.model_fields_set:
            suite = suite.model_copy(update={"name": file.resolve().parent.name or "suite"})
        suite = suite._with(dict(flags or {}))
        suite._file = file
        suite.check()
        return suite

    def _with(self, flags: dict[str, Any]) -> Self:
        if not flags:
            return self
        values = self.model_dump(exclude_unset=True) | {"name": self.name} | flags
        for key in flags.keys() & _FOR_EVERY_RUN:
            values["runs"] = [{k: v for k, v in run.items() if k != key} for run in values["runs"]]
        try:
            return self.model_validate(values)
        except ValidationError as fault:
            wrong = fault.errors(include_url=False)
            lines = [
                f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg'].removeprefix('Value error, ')}"
                for each in wrong
            ]
            raise SuiteError("\n".join(lines), hint="`cekura-kit run --help` says what each flag takes") from None

    def check(self) -> None:
        """What only the whole suite tells.

        Raises:
            SuiteError: no agent to dispatch, a data message in voice, two pass rates of one scenario, too many runs.
        """
        if self.agent_name is None and self.worker is None:
            raise SuiteError(
                f"{self._place()}agent_name is required unless `worker` is given",
                hint="name the agent that your worker registers, or give the worker's command",
            )
        for index, run in enumerate(self.runs):
            if run.publish_data_message is not None and (run.mode or self.mode) is Mode.VOICE:
                raise SuiteError(
                    f"{self._place('runs', index, 'publish_data_message')}Cekura sends data messages in text runs only",
                    hint="add `mode: text` to the run, or take `publish_data_message` out",
                )
        self.pass_rates()
        planned = len(self.plan())
        if self.max_runs is not None and planned > self.max_runs:
            raise SuiteError(
                f"{self._place('max_runs')}the plan has {planned} runs, and max_runs is {self.max_runs}",
                hint="raise max_runs, or run fewer: each run is billed",
            )

    def plan(self) -> list[PlannedRun]:
        """All runs, in the order of the file."""
        seen: Counter[int] = Counter()
        planned = []
        for entry in self.runs:
            for _ in range(entry.repeat):
                seen[entry.scenario] += 1
                occurrence = seen[entry.scenario]
                planned.append(
                    PlannedRun(
                        case=f"{entry.scenario}#{occurrence}",
                        scenario=entry.scenario,
                        occurrence=occurrence,
                        mode=entry.mode or self.mode,
                        timeout=entry.timeout or self.timeout,
                        metadata={**self.metadata, **entry.metadata},
                        publish_data_message=entry.publish_data_message,
                        max_reply=entry.max_reply or self.max_reply,
                    )
                )
        return planned

    def pass_rates(self) -> dict[int, float]:
        """Scenario id to the rate from which it counts as passed; only those that name one.

        Raises:
            SuiteError: two entries of one scenario name different rates.
        """
        rates: dict[int, float] = {}
        for index, entry in enumerate(self.runs):
            rate = entry.pass_rate if entry.pass_rate is not None else self.pass_rate
            if rate is None:
                continue
            if rates.setdefault(entry.scenario, rate) != rate:
                raise SuiteError(
                    f"{self._place('runs', index)}scenario {entry.scenario} has pass_rate {rate} here "
                    f"and {rates[entry.scenario]} before",
                    hint="a scenario is judged over all its runs: give one pass_rate",
                )
        return rates

    @property
    def folder(self) -> Path:
        """Where the suite's file stands; the current folder for a suite made in Python."""
        return self._file.resolve().parent if self._file else Path.cwd()

    @property
    def scenarios_file(self) -> Path:
        """The stand-in's scenarios."""
        return self.folder / self.sandbox

    def _place(self, *loc: str | int) -> str:
        return place(self._file, *loc) if self._file else ""


def shard_of(plan: list[PlannedRun], index: int, count: int) -> list[PlannedRun]:
    """The runs of shard ``index`` of ``count``, counted from 1.

    A scenario's runs stay together, since its pass rate is judged over all of them; each goes to the shard that has
    the fewest so far. The shards of one plan are disjoint and together the whole plan.
    """
    sizes = Counter(run.scenario for run in plan)
    loads = [0] * count
    shard: dict[int, int] = {}
    # The largest first, so that the loads end even; sorted is stable, so that every shard sees the same.
    for scenario, size in sorted(sizes.items(), key=lambda item: -item[1]):
        lightest = loads.index(min(loads))
        shard[scenario] = lightest + 1
        loads[lightest] += size
    return [run for run in plan if shard[run.scenario] == index]
