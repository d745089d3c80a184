"""Runs matched to their rooms: by an answer that names them, and by elimination if the answer was lost."""

from __future__ import annotations

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.cekura.api_models import ApiRun, StartAnswer
from cekura_agent_kit.trigger.cekura.matching import LostRun, match_answer, match_lost


def lost(case: str, scenario: int = 31, before: set[int] | None = frozenset(), mode: Mode = Mode.TEXT) -> LostRun:  # type: ignore[assignment]
    return LostRun(case, scenario, mode, None if before is None else frozenset(before))


def run(run_id: int, scenario: int = 31, text: bool | None = True) -> ApiRun:
    return ApiRun(run_id, scenario=scenario, text=text)


def test_an_answer_matches_what_it_names_exactly_once() -> None:
    answer = StartAnswer(1, (run(1, 5), run(2, 6), run(3, 6), run(4, 7), ApiRun(5)))

    assert {scenario: each.id for scenario, each in match_answer([5, 6, 8], answer).items()} == {5: 1}


@pytest.mark.parametrize(
    ("joined", "listed", "known", "matched"),
    [
        # One candidate, one evaluator in one room.
        ([lost("a")], [run(1)], set(), {"a": 1}),
        # The run of the suite's other POST is known: it is not a stranger's.
        ([lost("a")], [run(1), run(2)], {1}, {"a": 2}),
        ([lost("a")], [run(1)], {1}, {}),
        # Another job may have started one of the two.
        ([lost("a")], [run(1), run(2)], set(), {}),
        # An older run is not a candidate; without a list from before, every run may be older.
        ([lost("a", before={1})], [run(1), run(2)], set(), {"a": 2}),
        ([lost("a", before=None)], [run(1)], set(), {}),
        # Two lost starts: the second cannot have made a run that was listed before it.
        ([lost("a"), lost("b", before={1})], [run(1), run(2)], set(), {"a": 1, "b": 2}),
        ([lost("a"), lost("b")], [run(1), run(2)], set(), {}),
        ([lost("a"), lost("b")], [run(1)], set(), {}),
        # Scenarios and modes do not mix.
        ([lost("a"), lost("b", 32)], [run(1), run(2, 32)], set(), {"a": 1, "b": 2}),
        ([lost("a"), lost("b", mode=Mode.VOICE)], [run(1), run(2, text=False)], set(), {"a": 1, "b": 2}),
        ([lost("a", mode=Mode.VOICE)], [run(1, text=None)], set(), {"a": 1}),
        ([lost("a")], [run(1, 32)], set(), {}),
        ([], [run(1)], set(), {}),
    ],
)
def test_a_lost_run_is_matched_if_no_other_explanation_is_left(
    joined: list[LostRun], listed: list[ApiRun], known: set[int], matched: dict[str, int]
) -> None:
    assert {case: each.id for case, each in match_lost(joined, listed, known).items()} == matched
