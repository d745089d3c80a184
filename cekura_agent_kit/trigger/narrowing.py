"""Narrowing of a plan: a part of its runs, which keep their cases. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ..counting import counted
from ..errors import SuiteError
from .cekura.api_scenario import ApiScenario
from .expression import compiled
from .plan.planned_run import PlannedRun

Records = Mapping[int, ApiScenario]


@dataclass(frozen=True, kw_only=True)
class Narrowing:
    """Conditions on runs, all of which must hold. Of one kind, any of its values suffices.

    Attributes:
        tags: of the run's scenario.
        scenarios: their ids.
        entries: their names.
        expression: of `-k`.
        cases: cases that an earlier report has left over; None for any.
        report: name of that report.
        report_id: its id.
    """

    tags: Sequence[str] = ()
    scenarios: Sequence[int] = ()
    entries: Sequence[str] = ()
    expression: str = ""
    cases: Collection[str] | None = None
    report: str = ""
    report_id: str = ""

    @property
    def needs_scenarios(self) -> bool:
        """True if what Cekura stores of the scenarios must be known."""
        return bool(self.tags or self.expression)

    @property
    def described(self) -> str:
        """The options in words; empty if there is no condition."""
        parts = [f"--tag {tag}" for tag in self.tags]
        parts += [f"--scenario {scenario}" for scenario in self.scenarios]
        parts += [f"--entry {entry!r}" for entry in self.entries]
        parts += [f"-k {self.expression!r}"] if self.expression else []
        parts += [f"--only-failed {self.report}"] if self.cases is not None else []
        return " ".join(parts)

    def narrowed(self, plan: Sequence[PlannedRun], known: Records) -> list[PlannedRun]:
        """Return the runs that meet the conditions, in their order.

        Args:
            plan: the whole plan.
            known: what is known of its scenarios, by id.

        Raises:
            SuiteError: an option matches no run of the plan, or no run meets all conditions.
        """
        left = list(plan)
        for keeps in self._conditions(known, plan):
            left = [run for run in left if keeps(run)]
        if not left and self.described:
            raise SuiteError(
                f"no run of the plan is left: {self.described}",
                hint=f"the plan has {counted(len(plan), 'run')}: `cekura-kit run --dry-run` lists them",
            )
        return left

    def _conditions(self, known: Records, plan: Sequence[PlannedRun]) -> Iterable[Callable[[PlannedRun], bool]]:
        tags = {each.id: each.tags or () for each in known.values()}
        if self.tags:
            there = {tag for run in plan for tag in tags.get(run.scenario, ())}
            _all_known("--tag", self.tags, there, "no scenario of the plan has it")
            yield lambda run: any(tag in tags.get(run.scenario, ()) for tag in self.tags)
        if self.scenarios:
            ids = [str(each) for each in self.scenarios]
            _all_known("--scenario", ids, {str(run.scenario) for run in plan}, "no run of the plan is of it")
            yield lambda run: run.scenario in self.scenarios
        if self.entries:
            _all_known("--entry", self.entries, {run.entry for run in plan}, "no entry of the suite has this name")
            yield lambda run: run.entry in self.entries
        if self.expression:
            matches = compiled(self.expression)
            yield lambda run: matches(_texts(run, known.get(run.scenario)))
        if self.cases is not None:
            cases = self.cases
            yield lambda run: run.case in cases


def _all_known(option: str, given: Sequence[str], there: Collection[str], why: str) -> None:
    for each in given:
        if each not in there:
            near = get_close_matches(each, there, n=1)
            shown = sorted(there)[:10]
            hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(map(repr, shown)) or 'none'}"
            raise SuiteError(f"{option} {each}: {why}", hint=hint + ("" if len(there) <= len(shown) else ", …"))


def _texts(run: PlannedRun, scenario: ApiScenario | None) -> list[str]:
    texts = [run.case, run.entry, run.mode.value]
    if scenario is not None:
        texts += [scenario.name, scenario.folder or "", *(scenario.tags or ())]
    return texts
