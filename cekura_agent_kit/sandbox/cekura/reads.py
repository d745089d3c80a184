"""The stand-in's GET endpoints: runs, results, scenarios."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from aiohttp import web

from .faults import Faults
from .records import folder_records, listed_scenario_record, result_record, run_record, scenario_record
from .runs import Result, SandboxRun
from .scenarios import Scenario
from .starts import Refused

V1: Final = "/test_framework/v1"
V2: Final = "/test_framework/v2"
_PAGE_SIZE: Final = 10

T = TypeVar("T")


class Reads:
    """Handlers of the GET endpoints.

    Args:
        scenarios, runs, results: what is read, by id.
        faults: how answers are changed.
        updates: when scenarios were changed, by id.
    """

    def __init__(
        self,
        scenarios: Mapping[int, Scenario],
        runs: Mapping[int, SandboxRun],
        results: Mapping[int, Result],
        faults: Faults,
        updates: Mapping[int, datetime],
    ) -> None:
        self._scenarios, self._runs, self._results, self._faults = scenarios, runs, results, faults
        self._updates = updates
        self.routes = {
            f"{V2}/runs/bulk/": self._runs_by_id,
            f"{V2}/runs/{{id}}/": self._run,
            f"{V2}/runs/": self._run_list,
            f"{V2}/results/{{id}}/": self._result,
            f"{V2}/scenarios/tags/": self._tags,
            f"{V2}/scenarios/folders/": self._folders,
            f"{V2}/scenarios/{{id}}/": self._scenario,
            f"{V2}/scenarios/": self._scenario_list,
            f"{V1}/scenarios/{{id}}/": self._scenario,
        }
        """Handlers by path, in the order in which paths are matched."""

    async def _run(self, request: web.Request) -> web.Response:
        return web.json_response(self._record(found(request, self._runs)[1]))

    async def _runs_by_id(self, request: web.Request) -> web.Response:
        ids = request.query.get("run_ids", "").split(",")
        if not all(each.isascii() and each.isdigit() for each in ids):
            raise Refused({"run_ids": ["Enter a comma-separated list of integers."]})
        runs = [self._runs[int(each)] for each in ids if int(each) in self._runs]
        records = [self._record(run) for run in runs if not run.fault.missing_from_bulk]
        return web.json_response(records[::-1] if self._faults.reversed else records)

    async def _run_list(self, request: web.Request) -> web.Response:
        statuses = set(_listed(request, "status__in"))
        runs = [run for run in self._runs.values() if not statuses or run.shown_status in statuses]
        # Newest first, as in Cekura's lists.
        runs = runs if self._faults.reversed else runs[::-1]
        return self._page(request, [self._record(run) for run in runs])

    async def _result(self, request: web.Request) -> web.Response:
        result = found(request, self._results)[1]
        runs = {str(run.id): self._record(run) for run in result.runs}
        shown: Any = runs if self._faults.result_runs == "object" else list(runs.values())
        return web.json_response(result_record(result) | {"runs": shown})

    async def _scenario(self, request: web.Request) -> web.Response:
        return web.json_response(scenario_record(*found(request, self._scenarios)))

    async def _scenario_list(self, request: web.Request) -> web.Response:
        agent = _number(request, "agent_id", 0)
        folder = request.query.get("folder_path", "")
        chosen = {
            scenario_id: scenario
            for scenario_id, scenario in self._scenarios.items()
            if (not agent or scenario.agent == agent)
            and (not folder or f"{scenario.folder}.".startswith(f"{folder}."))
            and _tags_fit(request, scenario.tags)
        }
        records = [listed_scenario_record(key, each, self._updates.get(key)) for key, each in chosen.items()]
        if self._faults.scenario_pages != "right":
            return self._wrong_page(request, records)
        return self._page(request, records)

    def _wrong_page(self, request: web.Request, records: Sequence[dict[str, Any]]) -> web.Response:
        """Return a page of a list that never ends: of known scenarios, or of ever new ones."""
        size, page = _number(request, "page_size", _PAGE_SIZE), _number(request, "page", 1)
        moved = 10**6 * page if self._faults.scenario_pages == "endless" else 0
        shown = [record | {"id": record["id"] + moved} for record in records[:size]]
        following = str(request.url.update_query(page=page + 1))
        return web.json_response({"count": len(records), "next": following, "previous": None, "results": shown})

    async def _tags(self, _request: web.Request) -> web.Response:
        return web.json_response(sorted({tag for scenario in self._scenarios.values() for tag in scenario.tags}))

    async def _folders(self, request: web.Request) -> web.Response:
        return self._page(request, folder_records(self._scenarios.values()))

    def _record(self, run: SandboxRun) -> dict[str, Any]:
        record = run_record(run) | self._faults.extra
        return {name: value for name, value in record.items() if name not in self._faults.without}

    def _page(self, request: web.Request, records: Sequence[Any]) -> web.Response:
        size, page = _number(request, "page_size", _PAGE_SIZE), _number(request, "page", 1)
        shown = records[size * (page - 1) : size * page]
        if not shown and page > 1:
            raise web.HTTPNotFound(text="Invalid page.")

        def link(number: int) -> str | None:
            exists = 1 <= number <= -(-len(records) // size)
            return str(request.url.update_query(page=number)) if exists else None

        body = {"count": len(records), "next": link(page + 1), "previous": link(page - 1), "results": shown}
        return web.json_response(body)


def found(request: web.Request, things: Mapping[int, T]) -> tuple[int, T]:
    """Return the thing that the path names, and its id. Raises HTTPNotFound."""
    text = request.match_info["id"]
    thing_id = int(text) if text.isascii() and text.isdigit() else -1
    if thing_id not in things:
        raise web.HTTPNotFound(text="Not found.")
    return thing_id, things[thing_id]


def _tags_fit(request: web.Request, tags: Collection[str]) -> bool:
    wanted = _listed(request, "tags")
    if not wanted:
        return True
    match request.query.get("tag_filter_type", "or"):
        case "or":
            return any(tag in tags for tag in wanted)
        case "and":
            return all(tag in tags for tag in wanted)
        case "not":
            return not any(tag in tags for tag in wanted)
        case other:
            raise Refused({"tag_filter_type": [f'"{other}" is not a valid choice.']})


def _listed(request: web.Request, name: str) -> list[str]:
    return [each.strip() for each in request.query.get(name, "").split(",") if each.strip()]


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and (int(text) or not default)):
        raise Refused({name: ["A valid integer is required."]})
    return int(text)
