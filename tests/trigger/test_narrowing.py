"""A part of a plan: by tag, scenario, entry and expression; and what matches nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit.errors import SuiteError
from cekura_agent_kit.trigger.cekura.api_scenario import ApiScenario
from cekura_agent_kit.trigger.expression import compiled
from cekura_agent_kit.trigger.narrowing import Narrowing
from cekura_agent_kit.trigger.plan.suite import Suite

SUITE = Suite.model_validate(
    {
        "agent_name": "a",
        "mode": "text",
        "runs": [{"scenario": 30, "repeat": 2}, {"scenario": 31, "name": "gold customers"}, {"scenario": 30}],
    }
)
KNOWN = {
    30: ApiScenario(30, name="Books a table", tags=("smoke", "booking"), folder="Sales"),
    31: ApiScenario(31, name="Refund", tags=("refund",), folder=""),
}


def cases(**conditions: object) -> list[str]:
    return [run.case for run in Narrowing(**conditions).narrowed(SUITE.plan(), KNOWN)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({}, ["30#1", "30#2", "31#1", "30#3"]),
        ({"tags": ["smoke"]}, ["30#1", "30#2", "30#3"]),
        ({"tags": ["smoke", "refund"]}, ["30#1", "30#2", "31#1", "30#3"]),
        ({"scenarios": [31]}, ["31#1"]),
        ({"entries": ["30 text 2"]}, ["30#3"]),
        ({"entries": ["30 text 2", "gold customers"]}, ["31#1", "30#3"]),
        ({"tags": ["smoke"], "entries": ["30 text 2"]}, ["30#3"]),
        ({"expression": "table and not 30#2"}, ["30#1", "30#3"]),
        ({"expression": "REFUND or 'text 2'"}, ["31#1", "30#3"]),
        ({"expression": "sales and (30#1 or 30#2)"}, ["30#1", "30#2"]),
        ({"expression": "not not booking and text"}, ["30#1", "30#2", "30#3"]),
        ({"cases": {"30#2", "99#1"}}, ["30#2"]),
    ],
)
def test_a_narrowed_plan_keeps_order_and_cases(conditions: dict[str, object], left: list[str]) -> None:
    assert cases(**conditions) == left


@pytest.mark.parametrize(
    ("conditions", "told", "hint"),
    [
        ({"tags": ["smok"]}, "--tag smok: no scenario of the plan has it", "did you mean 'smoke'?"),
        ({"scenarios": [32, 30]}, "--scenario 32: no run of the plan is of it", "there is '30', '31'"),
        ({"entries": ["silver"]}, "--entry silver: no entry of the suite", "there is '30 text', '30 text 2', 'gold"),
        ({"expression": "smoke and refund"}, "no run of the plan is left: -k 'smoke and refund'", "has 4 runs"),
        ({"scenarios": [31], "tags": ["smoke"]}, "no run of the plan is left: --tag smoke --scenario 31", "4 runs"),
    ],
)
def test_what_matches_nothing_is_refused(conditions: dict[str, object], told: str, hint: str) -> None:
    with pytest.raises(SuiteError) as raised:
        cases(**conditions)

    assert told in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("a and", "a word is missing at its end"),
        ("and a", "a word is missing before 'and'"),
        ("a b", "'b' is not expected"),
        ("(a or b", "a parenthesis is not closed"),
        ("a)", "')' is not expected"),
        ("'a", "a quote is not closed"),
        ("''", "a word is missing before ''"),
        ("not", "a word is missing at its end"),
        ("(" * 2000, "it has more than 1000 characters"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, told: str) -> None:
    with pytest.raises(SuiteError, match="-k: ") as raised:
        compiled(expression)

    assert told in str(raised.value)


@given(st.text(alphabet="ab ()'\"andortn", max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        matches = compiled(text)
    except SuiteError:
        return
    assert matches(["a"]) in (True, False)


def test_a_quoted_word_is_never_an_operator() -> None:
    assert compiled("'and'")(["sand"])
    assert not compiled("not 'and'")(["sand"])


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_and_binds_closer_than_or(there: list[bool]) -> None:
    texts = [name for name, present in zip("abc", there, strict=True) if present]
    a, b, c = there

    assert compiled("a or b and not c")(texts) is (a or (b and not c))
    assert compiled("(a or b) and c")(texts) is ((a or b) and c)
