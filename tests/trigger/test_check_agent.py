"""`cekura-kit check-agent` before agents that keep the contract, or do not: each is told what is missing, by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from typer.testing import CliRunner

from cekura_agent_kit import KitError
from cekura_agent_kit.cli import app
from cekura_agent_kit.conformance.checked_room import Subject
from cekura_agent_kit.conformance.clauses import CLAUSES, Finding, Record, as_json
from cekura_agent_kit.conformance.examination import check_agent
from cekura_agent_kit.conformance.shown import note_attributes, note_joined
from cekura_agent_kit.contract import Mode
from cekura_agent_kit.trigger.rooms.service import Participant
from cekura_agent_kit.trigger.settings.settings import Settings
from tests.trigger.bench import Bench

WRAPPED = {"cekura.kit": "0.2.0", "cekura.mode": "text", "cekura.signed": "true", "cekura.tests": "any"}


def shown(attributes: Mapping[str, str], mode: Mode = Mode.TEXT) -> dict[str, str]:
    """Return what is missing of an agent with these attributes, by clause."""
    record = Record("text")
    note_attributes(record, attributes, mode)
    return {each.clause.name: each.detail for each in record.findings(otherwise="") if each.outcome == "missing"}


def test_the_attributes_of_a_wrapped_agent() -> None:
    assert shown(WRAPPED) == {}
    assert shown(WRAPPED | {"cekura.mode": "voice"}, Mode.VOICE) == {}


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [
        ({}, {"cekura.kit": "it is not set", "cekura.mode": "it is not set", "cekura.tests": "it is not set"}),
        ({"cekura.kit": "0.1.0"}, {"cekura.signed": "it is not set: kit 0.1.0 verifies no signature"}),
        (WRAPPED | {"cekura.mode": "voice"}, {"cekura.mode": "it is 'voice'"}),
        (WRAPPED | {"cekura.signed": "its permit has expired"}, {"cekura.signed": "its permit has expired"}),
        (WRAPPED | {"cekura.tests": "all"}, {"cekura.tests": "it is 'all'"}),
        (WRAPPED | {"cekura.error": "no database"}, {"accepts": "cekura.error: no database"}),
    ],
)
def test_an_attribute_that_is_missing_or_wrong_is_named(attributes: dict[str, str], missing: dict[str, str]) -> None:
    assert missing.items() <= shown(attributes).items()


@pytest.mark.parametrize(("agents", "detail"), [(0, "no agent was active"), (2, "2 agents joined: agent-0, agent-1")])
def test_no_agent_and_two_agents(agents: int, detail: str) -> None:
    record = Record("voice")
    there = [Participant(identity=f"agent-{n}", state="active", is_agent=True) for n in range(agents)]
    assert not note_joined(record, there, agent_name="support", patience=20)
    first, *others = record.findings(otherwise="no one agent joined")
    assert (first.clause.name, first.outcome) == ("joins", "missing")
    assert detail in first.detail
    assert {(each.outcome, each.detail) for each in others} == {("skipped", "no one agent joined")}


def test_a_clause_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="no clause 'streams' in voice"):
        Record("voice").ok("streams", "")


def test_the_findings_as_json() -> None:
    found = as_json("support", [Finding(CLAUSES[0], "ok", "agent-1"), Finding(CLAUSES[1], "missing", "it left")])
    assert (found["version"], found["agent"], found["ok"]) == (1, "support", False)
    assert found["clauses"] == [
        {
            "room": "text",
            "name": "joins",
            "outcome": "ok",
            "requires": CLAUSES[0].requires,
            "detail": "agent-1",
            "hint": "",
        },
        {
            "room": "text",
            "name": "accepts",
            "outcome": "missing",
            "requires": CLAUSES[1].requires,
            "detail": "it left",
            "hint": CLAUSES[1].hint,
        },
    ]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing names the agent"),
        (["--agent-name", "support", "--mode", "both"], "--mode is 'both'"),
        (["--agent-name", "support", "--answer-timeout", "soon"], "--answer-timeout: "),
        (["no.yaml"], "no.yaml: there is no such file"),
    ],
)
def test_a_command_line_that_cannot_be_used(
    arguments: list[str], message: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["check-agent", *arguments])
    assert isinstance(result.exception, KitError)
    assert message in str(result.exception)
    assert result.exception.hint


async def checked(bench: Bench, behave: str, *, answer: float, shown: float) -> dict[str, Finding]:
    environment = {key.lower(): value for key, value in bench.server.environment.items()}
    subject = Subject(
        agent_name=bench.agent_name,
        settings=Settings.model_validate(environment | {"cekura_api_key": ""}),
        metadata={"behave": behave},
        words="a table, please",
        patience=60,
        answer=answer,
        shown=shown,
    )
    findings = await check_agent(subject, modes=[Mode.TEXT])
    return {f"{each.clause.place}: {each.clause.name}": each for each in findings}


def missing(findings: Mapping[str, Finding]) -> set[str]:
    return {name for name, each in findings.items() if each.outcome == "missing"}


@pytest.mark.server
@pytest.mark.xdist_group("trigger")
async def test_three_agents_are_told_what_is_missing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # None of these agents leaves by itself, or comes back.
    for name in ("_GOES", "_COMES_BACK"):
        monkeypatch.setattr(f"cekura_agent_kit.conformance.checked_room.{name}", 0.3)
    # A wrapped agent has all the time that a busy machine needs. Of the others only what they never do is asserted.
    wrapped, unwrapped, kit_0_1 = await asyncio.gather(
        checked(bench, "talk", answer=60, shown=60),
        checked(bench, "unwrapped", answer=0.5, shown=0.5),
        checked(bench, "kit_0_1", answer=0.5, shown=5),
    )
    assert {name: (each.outcome, each.detail) for name, each in wrapped.items() if each.outcome != "ok"} == {}
    assert wrapped["text: events"].detail.startswith("tool calls: book")

    never = ("cekura.kit", "cekura.mode", "cekura.signed", "cekura.tests", "cekura.proof", "packets", "JSON packets")
    assert missing(unwrapped) >= {f"text: {name}" for name in never}
    assert unwrapped["text: joins"].outcome == unwrapped["claims: real call"].outcome == "ok"
    assert unwrapped["claims: forged tools"].outcome == "skipped"

    assert missing(kit_0_1) >= {"text: cekura.signed", "text: cekura.tests", "claims: forged tools"}
    assert kit_0_1["text: joins"].outcome == kit_0_1["text: cekura.kit"].outcome == "ok"
