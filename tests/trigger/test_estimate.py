"""Estimate of a plan's cost, the limit on it, and the balance: known before anything is started."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import SuiteError
from cekura_agent_kit.trigger.cekura.api_scenario import ApiScenario
from cekura_agent_kit.trigger.estimate import check_credits, estimate_of, low_balance
from cekura_agent_kit.trigger.json_values import decimal_of
from tests.hosted import hosted
from tests.planned import PLANNED

VOICE = replace(PLANNED, mode=Mode.VOICE, timeout=1200.0)
TEXT = PLANNED
PASSES = {"status": "completed", "success": True, "evaluation": {"metrics": [{"eval_type": "binary", "passed": True}]}}


@pytest.mark.parametrize(
    ("max_duration", "minutes"),
    [(None, 20), (0, 20), (5, 5), (60, 20), (90, 1.5), (600, 10), (7200, 20)],
)
def test_a_voice_run_lasts_as_long_as_its_scenario_or_its_timeout_allows(
    max_duration: float | None, minutes: float
) -> None:
    estimate = estimate_of([VOICE], {30: ApiScenario(30, max_duration=max_duration)})
    assert (estimate.minutes, estimate.credits) == (minutes, minutes * 5)


def test_a_plan_of_both_modes() -> None:
    estimate = estimate_of([TEXT, TEXT, VOICE], {})
    assert estimate.credits == 110
    assert str(estimate) == (
        "about 110 credits (estimated: 2 text runs, 10 messages each assumed; 20 minutes at most in 1 voice run)"
    )


def test_a_plan_that_is_too_expensive_is_refused() -> None:
    estimate = estimate_of([TEXT, TEXT], {})
    check_credits(estimate, None, lambda *_: "")
    check_credits(estimate, 10, lambda *_: "")
    with pytest.raises(SuiteError, match=r"about 10 credits .* and max_credits is 9\.5"):
        check_credits(estimate, 9.5, lambda *_: "")


def test_a_balance_that_may_not_be_enough_is_told() -> None:
    estimate = estimate_of([TEXT], {})
    assert (low_balance(estimate, None), low_balance(estimate, 5.0)) == ("", "")
    assert low_balance(estimate, 4.5).startswith("the balance is 4.5 credits, and the plan costs about 5 credits")


@pytest.mark.parametrize(
    ("value", "number"),
    [("985.50", 985.5), (12, 12.0), ("-3", -3.0), ("1e9", None), ("", None), (None, None), ("NaN", None), ({}, None)],
)
def test_an_amount_may_be_a_string(value: object, number: float | None) -> None:
    assert decimal_of(value) == number


def test_the_command_reads_the_balance_before_and_after() -> None:
    with hosted((30,)) as services:
        services.cekura.fields = {30: PASSES}
        services.cekura.balances = ["4.00", "3.50"]
        done = services.run((30,))
        unreadable = services.run((30,))
        services.cekura.balances = ["1200"]
        dry = services.run((30,), "--dry-run")
        started = len(services.cekura.starts)
        refused = services.run((30,), max_credits=4)
        assert len(services.cekura.starts) == started == 2

    assert done.code == 0, done.printed
    cost = json.loads(done.reports["json"])["cost"]
    assert (cost["balance_before"], cost["balance_after"], cost["billed"]) == (4.0, 3.5, False)
    assert "the balance is 4 credits, and the plan costs about 5 credits" in done.printed
    assert unreadable.code == 0, unreadable.printed
    cost = json.loads(unreadable.reports["json"])["cost"]
    assert (cost["balance_before"], cost["balance_after"]) == (None, None)
    assert "cost      about 5 credits (estimated: 1 text run, 10 messages each assumed)" in dry.printed
    assert "balance   1,200 credits" in dry.printed
    assert (refused.code, set(refused.reports)) == (2, {"json"})
    assert "the plan costs about 5 credits" in refused.printed
    assert "max_credits is 4" in refused.printed
