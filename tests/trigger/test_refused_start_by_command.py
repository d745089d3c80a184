"""A refusal that must come again, by `cekura-kit run`: one POST, and no room for what follows."""

from __future__ import annotations

from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.verdict import Kind, SuiteVerdict
from tests.hosted import hosted

TEN = tuple(range(30, 40))
NO_CREDIT = Faults.model_validate({"starts": {"all": {"status": 402, "body": '{"detail": "Insufficient balance"}'}}})


def test_ten_scenarios_without_credit_are_one_post_and_two_rooms_at_most() -> None:
    with hosted(TEN, NO_CREDIT) as services:
        done = services.run(TEN, concurrency=1)
        verdict = SuiteVerdict.from_json(done.reports["json"])
        assert len(services.cekura.starts) == services.cekura.requests["starts"] == 1
        assert services.rooms.requests["CreateRoom"] <= 2
        assert services.rooms.requests["DeleteRoom"] >= services.rooms.requests["CreateRoom"]

    assert done.code == 2
    assert [run.kind for run in verdict.runs] == [Kind.START_REFUSED, *[Kind.NOT_RUN] * 9]
    assert all("Insufficient balance" in run.reason for run in verdict.runs)
    assert all("check the credits" in run.hint for run in verdict.runs)
    assert "Insufficient balance" in done.printed
