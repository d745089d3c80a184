"""The agent, scenarios, suite and model of an edit loop. Without livekit: the watching process imports it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import SuiteError, TargetError
from ..file_names import RULES, SCENARIOS, default_file
from ..rehearsal.model_file import model_file
from ..trigger.plan.suite import DEFAULT_FILE, Suite
from ..worker import target_of
from ..worker.source import absolute_target, find_file, import_name, split_target


@dataclass(frozen=True)
class Subject:
    """Agent, scenarios, suite and model.

    Attributes:
        target: absolute path of the agent's file, with ``:name`` or without.
        scenarios: the scenario file.
        suite: says what the agent is given; None for none.
        llm: model rules or a cassette; None for the agent's own model.
        plays_callers: a model is asked for the callers that have no script, in each round.
    """

    target: str
    scenarios: Path
    suite: Path | None
    llm: Path | None
    plays_callers: bool = False

    @classmethod
    def find(
        cls, target: str, scenarios: Path | None, *, suite: Path | None, llm: str, plays_callers: bool = False
    ) -> Subject:
        """Find the files, each beside the target unless it is given.

        Args:
            target: the agent's file, with ``:name`` or without.
            scenarios: the scenario file.
            suite: the suite file or its folder. Default: the suite beside the target, if it is of this agent.
            llm: model rules, a cassette or ``own``. Default: the rules beside the scenarios, if any.
            plays_callers: ask a model for the callers that have no script.

        Raises:
            KitError: a file is missing, or the suite does not fit.
        """
        here = [Path.cwd()]
        whole = absolute_target(target, here)
        path = Path(split_target(whole)[0])
        beside = default_file(path.parent, SCENARIOS)
        if scenarios is None and not beside.exists():
            raise TargetError(
                f"there is no {SCENARIOS} beside {path.name}", hint="name the scenario file: watch TARGET SCENARIOS"
            )
        found = find_file(scenarios, here) if scenarios is not None else beside
        model = model_file(llm, [*here, found.parent], default=default_file(found.parent, RULES))
        return cls(whole, found, _suite(suite, path), model, plays_callers)

    @property
    def file(self) -> Path:
        """The agent's file."""
        return Path(split_target(self.target)[0])

    @property
    def folders(self) -> list[Path]:
        """Folders that are watched, none of them below another."""
        root = import_name(self.file)[0]
        cwd = Path.cwd()
        wanted = [root, self.scenarios.parent, *(each.parent for each in (self.suite, self.llm) if each)]
        wanted += [cwd] if root.is_relative_to(cwd) else []
        folders = {each.resolve() for each in wanted}
        return sorted(
            each for each in folders if not any(each != other and each.is_relative_to(other) for other in folders)
        )


def _suite(given: Path | None, agent: Path) -> Path | None:
    """Return the suite's file: the given one, else the one beside the agent, if it is of this agent."""
    file = given if given is not None else agent.parent / DEFAULT_FILE
    file = (file / DEFAULT_FILE if file.is_dir() else file).resolve()
    if given is None and not file.exists():
        return None
    if given is not None and not file.exists():
        raise SuiteError(f"{given}: there is no such suite file", hint="give the suite file, or its folder")
    worker = split_target(target_of(Suite.load(file).worker))[0]
    is_other = worker and (file.parent / worker).resolve() != agent
    return None if given is None and is_other else file
