"""The pytest plugin: compares in each test, counts in all, and shows the counts at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from aiohttp import web

from cekura_agent_kit.sandbox.cekura.service import CekuraService

from .comparison import check, counts, findings
from .deviations import DEVIATIONS
from .operations import OPERATIONS
from .schemas import INSTALLED

_TOTALS: Final = ("answers", "requests", "answers changed by a fault")


@pytest.fixture(autouse=True, scope="session")
def _compare_with_the_description() -> Iterator[None]:
    """Compare what each stand-in of this process answers."""
    if not INSTALLED:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        make_app = CekuraService.make_app

        def compared(self: CekuraService) -> web.Application:
            app = make_app(self)

            @web.middleware
            async def compare(request: web.Request, handler: Any) -> web.StreamResponse:
                body = await request.read()
                response: web.StreamResponse = await handler(request)
                check(self, request, body, response)
                return response

            app.middlewares.insert(0, compare)
            return app

        patch.setattr(CekuraService, "make_app", compared)
        yield


@pytest.fixture(autouse=True)
def _no_difference_from_the_description(_compare_with_the_description: None) -> Iterator[None]:
    """Fail a test in which the stand-in, or the client, differs from the description."""
    findings.clear()
    yield
    assert not findings, "\n".join(["not as Cekura describes it (tests/description):", *findings])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's counts to xdist's controller."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cekura_description"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of one of xdist's workers."""
    counts.update(getattr(node, "workeroutput", {}).get("cekura_description", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was compared; with ``-v``, each deviation that was met."""
    if not INSTALLED:
        terminalreporter.write_line("Cekura's description: nothing compared, jsonschema is not installed")
    elif counts["requests"]:
        met = counts - Counter({name: counts[name] for name in _TOTALS})
        listed = len(DEVIATIONS) + sum(bool(each.reason) for each in OPERATIONS)
        terminalreporter.write_line(
            f"Cekura's description: {counts['answers']} answers and {counts['requests']} requests compared, "
            f"{counts['answers changed by a fault']} answers changed by a fault; "
            f"{len(met)} of {listed} listed deviations met"
        )
        if terminalreporter.verbosity > 0:
            for name, count in met.most_common():
                terminalreporter.write_line(f"  {count:6}  {name}")
