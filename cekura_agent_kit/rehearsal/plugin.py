"""The pytest plugin. It is loaded with every pytest run, so it imports next to nothing of the kit before it is used."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from ..usage_data import send_none

if TYPE_CHECKING:
    from .fixture import Rehearse
    from .rule_use import Unused

_MARKERS = (
    'cekura_scenarios(path, entrypoint="agent.py", **options): '
    "one test for each scenario of the file, in memory; the test has the fixture `scenario`; "
    'suite="cekura.yaml" gives the agent what that suite gives it; '
    'callers="callers.yaml" is a cassette of the model that plays callers',
    "cekura_cassette(path=None, record=None): the rehearsals of the test play this cassette of the agent's model",
    "cekura_hosted: starts runs on Cekura, which cost money; skipped without --cekura-hosted",
)

_WORKER_OUTPUT = "cekura_unused_rules"
_rehearse: pytest.StashKey[Rehearse] = pytest.StashKey()
_unused: pytest.StashKey[Unused] = pytest.StashKey()


def pytest_load_initial_conftests() -> None:
    """Keep agents from sending usage data, also those that a conftest imports."""
    send_none()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cekura-hosted`` and ``--cekura-record``."""
    group = parser.getgroup("cekura")
    group.addoption(
        "--cekura-hosted", action="store_true", help="run the tests marked cekura_hosted: they start runs on Cekura"
    )
    group.addoption(
        "--cekura-record",
        choices=("none", "once", "new", "all"),
        help="ask the agent's own model and record its answers: never; for cassettes that do not exist; for what a "
        "cassette lacks; for everything. Default: none where CI is set, else once",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers.

    Raises:
        pytest.UsageError: cassettes would be recorded by several processes.
    """
    if config.getoption("--cekura-record") in ("new", "all") and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--cekura-record: cassettes are recorded by one process; run pytest without -n")
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that cost money, without ``--cekura-hosted``."""
    if config.getoption("--cekura-hosted"):
        return
    skip = pytest.mark.skip(reason="it starts runs on Cekura, which cost money: run pytest with --cekura-hosted")
    for item in items:
        if item.get_closest_marker("cekura_hosted"):
            item.add_marker(skip)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each scenario."""
    if (marker := metafunc.definition.get_closest_marker("cekura_scenarios")) is not None:
        from .scenarios import parametrize

        parametrize(metafunc, marker)


@pytest.fixture
def rehearse(request: pytest.FixtureRequest) -> Rehearse:
    """Return what rehearses an agent: ``async with rehearse("agent.py") as call``."""
    from .fixture import Rehearse

    made = request.node.stash[_rehearse] = Rehearse(request)
    return made


@pytest.fixture
def scenario(request: pytest.FixtureRequest, rehearse: Rehearse) -> Any:
    """Return a scenario of the file that `cekura_scenarios` names: ``await scenario.run()``."""
    from .scenarios import scenario_of

    return scenario_of(request, rehearse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failed test's report what was said in its rehearsals."""
    report = yield
    if report.failed and (made := item.stash.get(_rehearse, None)) is not None:
        report.sections += made.sections()
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the rules and lines that matched nothing; of a process of pytest-xdist, send them to the first one."""
    if "cekura_agent_kit.rehearsal.fixture" not in sys.modules:
        return
    from .fixture import RULE_USE

    if (used := session.config.stash.get(RULE_USE, None)) is not None:
        session.config.stash[_unused] = used.unused()
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output[_WORKER_OUTPUT] = used.unused()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Accept what a process of pytest-xdist found."""
    found = getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT)
    if found:
        from .rule_use import merge

        merge(node.config.stash.setdefault(_unused, {}), found)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name rules and lines of scenarios that matched nothing in the whole session, and cassettes that were recorded."""
    if unused := config.stash.get(_unused, None):
        from .rule_use import lines

        for line in lines(unused):
            terminalreporter.write_line(line, yellow=True)
    if "cekura_agent_kit.rehearsal.fixture" in sys.modules:
        from .fixture import TAPES

        if (tapes := config.stash.get(TAPES, None)) is not None:
            for line in tapes.lines():
                terminalreporter.write_line(line)
