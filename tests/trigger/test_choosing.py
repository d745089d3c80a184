"""Scenarios chosen from Cekura's list: by every key, in pages, from lists that are wrong, and when nothing fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cekura_agent_kit.errors import CekuraError, KitError, SuiteError
from cekura_agent_kit.sandbox.cekura.faults import Faults
from cekura_agent_kit.sandbox.cekura.scenarios import Scenario
from cekura_agent_kit.sandbox.cekura.service import CekuraService
from cekura_agent_kit.trigger.cekura.api_scenario import read_scenario
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.trigger.cekura.scenario_list import read_list
from cekura_agent_kit.trigger.choosing import Choice, among, choose, choose_on_cekura
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.settings.settings import Settings

STORED: dict[int, dict[str, Any]] = {
    30: {"tags": ["smoke", "booking"], "folder": "Sales.Returns"},
    31: {"tags": ["smoke", "slow"], "folder": "Sales"},
    32: {"tags": ["refund"], "folder": "Sales.Returns.Old", "agent": 7},
    33: {"folder": "SalesTeam"},
}


def scenario(**fields: Any) -> Scenario:
    return Scenario.model_validate({"name": "Books", "talk": [{"say": "hello"}]} | fields)


def suite(*entries: dict[str, Any], **keys: Any) -> Suite:
    runs = [{"select": each} for each in entries]
    return Suite.model_validate({"agent_name": "a", "mode": "text", "runs": runs} | keys)


def settings_of(service: CekuraService) -> Settings:
    values = {key.lower(): value for key, value in service.environment.items()}
    livekit = {"livekit_url": "wss://example.com", "livekit_api_key": "k", "livekit_api_secret": "s"}
    return Settings.model_validate(values | livekit)


async def chosen(planned: Suite, stored: dict[int, Any] | None = None, **faults: Any) -> tuple[Choice, CekuraService]:
    scenarios = {key: scenario(**fields) for key, fields in (stored or STORED).items()}
    async with CekuraService(scenarios, faults=Faults.model_validate(faults), join=False) as service:
        return await choose_on_cekura(planned, settings_of(service)), service


@pytest.mark.parametrize(
    ("select", "ids"),
    [
        ({"tags": ["smoke"]}, [30, 31]),
        ({"tags": ["smoke", "booking"]}, [30]),
        ({"any_tags": ["booking", "refund"]}, [30, 32]),
        ({"any_tags": ["slow"]}, [31]),
        ({"not_tags": ["smoke"]}, [32, 33]),
        ({"tags": ["smoke"], "not_tags": ["slow"]}, [30]),
        ({"folder": "Sales"}, [30, 31, 32]),
        ({"folder": "Sales.Returns"}, [30, 32]),
        ({"folder": "/Sales/Returns"}, [30, 32]),
        ({"agent": 7}, [32]),
        ({"agent": 812, "folder": "Sales"}, [30, 31]),
    ],
)
async def test_each_key_chooses(select: dict[str, Any], ids: list[int]) -> None:
    choice, _ = await chosen(suite(select))
    known = [
        read_scenario({"tags": [], "folder_path": "", "agent": 812, **_record(fields)}, key)
        for key, fields in STORED.items()
    ]
    by_file = await choose(suite(select), among(known))

    assert [run.scenario for run in choice.suite.plan()] == ids
    assert [run.scenario for run in by_file.suite.plan()] == ids


def _record(fields: dict[str, Any]) -> dict[str, Any]:
    return {{"folder": "folder_path"}.get(key, key): value for key, value in fields.items()}


async def test_the_suites_agent_is_that_of_its_selects() -> None:
    choice, _ = await chosen(suite({"folder": "Sales"}, {"folder": "Sales", "agent": 7}, agent=812))

    assert [each.scenarios for each in choice.suite.selected()] == [[30, 31], [32]]


async def test_twelve_hundred_scenarios_are_read_in_pages_and_once_for_each_question() -> None:
    stored = {
        key: {"tags": ["even"] if key % 2 == 0 else ["odd", "third"][: 1 + (key % 3 == 0)]} for key in range(1, 1201)
    }
    choice, service = await chosen(
        suite({"tags": ["even"]}, {"tags": ["even"], "not_tags": ["slow"]}, {"any_tags": ["third", "even"]}), stored
    )

    assert [len(each.scenarios) for each in choice.suite.selected()] == [600, 600, 800]
    # Six pages of those with the tag, and twelve of all: what one tag can answer is not asked of all.
    assert service.requests["scenarios"] == 6 + 12
    assert choice.notes[0] == "entry 'tags even text': 600 scenarios chosen by tags even"
    assert "entry 'tags even; not slow text': not_tags: the tag 'slow' excludes no scenario" in choice.notes


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ({"tags": ["smoek"]}, "no scenario has the tag 'smoek'; did you mean 'smoke'?"),
        ({"tags": ["nightly"]}, "no scenario has the tag 'nightly'; there is booking, refund, slow, smoke"),
        ({"any_tags": ["Smoke", "b"]}, "no scenario has the tag 'Smoke'; did you mean 'smoke'?"),
        ({"folder": "Sale"}, "no scenario has the folder 'Sale'; did you mean 'Sales'?"),
        ({"tags": ["refund", "smoke"]}, "no scenario has all that it asks for"),
        ({"agent": 5}, "there is no scenario of agent 5 at all"),
    ],
)
async def test_a_select_that_finds_nothing_is_an_error_that_names_what_there_is(
    tmp_path: Path, select: dict[str, Any], told: str
) -> None:
    with pytest.raises(SuiteError, match="no scenario is chosen by ") as raised:
        await chosen(suite(select))

    assert told in raised.value.hint


async def test_the_error_has_the_line_of_the_entry(tmp_path: Path) -> None:
    (tmp_path / "cekura.yaml").write_text("agent_name: a\nruns:\n  - scenario: 1\n  - select: {tags: [x]}\n")

    with pytest.raises(SuiteError, match=r"cekura\.yaml:4: runs\.1\.select: no scenario is chosen by tags x"):
        await chosen(Suite.load(tmp_path))


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"scenario_pages": "repeated"}, "repeats itself: page 2 has only scenarios of earlier pages"),
        ({"scenario_pages": "endless"}, "does not end: it has more than 20 pages"),
        ({"scenarios": {"all": {"status": 200, "done": True, "body": '{"results": 5}'}}}, "page 1 of .* is not a list"),
        ({"scenarios": {"all": {"status": 403, "body": '{"detail": "No."}'}}}, "403"),
    ],
)
async def test_a_list_that_is_wrong_is_told_and_bounded(
    faults: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekura_agent_kit.trigger.cekura.scenario_list._MOST_PAGES", 20)
    with pytest.raises(KitError, match=told):
        await chosen(suite({"tags": ["smoke"]}), **faults)


async def test_a_page_that_failed_is_read_again() -> None:
    choice, _ = await chosen(suite({"tags": ["smoke"]}), scenarios={"1": {"status": 503}})

    assert [run.scenario for run in choice.suite.plan()] == [30, 31]


class Pages(Cekura):
    """A client whose pages are given."""

    def __init__(self, *pages: Any) -> None:
        self.pages, self.asked = pages, 0

    async def scenario_page(self, number: int, **_: Any) -> Any:
        self.asked += 1
        return self.pages[number - 1]


@pytest.mark.parametrize(
    ("pages", "ids", "notes"),
    [
        ([[{"id": 1}, {"id": "2"}, {"name": "none"}, 5]], [1, 2], []),
        (
            [{"count": 2, "next": "x", "results": [{"id": 1}]}, {"count": 2, "results": [{"id": 1}, {"id": 2}]}],
            [1, 2],
            [],
        ),
        ([{"next": "http://elsewhere.example/?page=9", "results": [{"id": 1}]}, {"results": [{"id": 2}]}], [1, 2], []),
        ([{"count": 1, "next": "x", "results": [{"id": 1}]}, None], [1], []),
        ([{"count": 0, "next": "x", "results": []}], [], []),
        ([{"count": 3, "next": None, "results": [{"id": 1}]}], [1], ["Cekura counts 3 scenarios, and its pages had 1"]),
    ],
)
async def test_pages_of_every_shape_are_read(pages: list[Any], ids: list[int], notes: list[str]) -> None:
    found, said = await read_list(Pages(*pages))

    assert [each.id for each in found] == ids
    assert [each.split(":")[0] for each in said] == notes


async def test_a_list_without_tags_cannot_be_chosen_from_by_tag() -> None:
    with pytest.raises(CekuraError, match="does not name their tags"):
        await choose(suite({"tags": ["a"]}), among([read_scenario({"name": "x"}, 30)]))
    with pytest.raises(CekuraError, match="does not name their folders"):
        await choose(suite({"folder": "a"}), among([read_scenario({"name": "x"}, 30)]))


async def test_a_suite_without_select_reads_nothing() -> None:
    plain = Suite.model_validate({"agent_name": "a", "runs": [{"scenario": 30}]})
    _, service = await chosen(plain)

    assert service.requests["scenarios"] == 0
