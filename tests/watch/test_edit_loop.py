"""The edit loop: which saved files begin a round, and what it remembers. Rounds are stand-ins; files are real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from cekura_agent_kit.watch.edit_loop import Cause, EditLoop, Memory, Totals
from cekura_agent_kit.watch.findings import Broken, Ended, Finding, Order, Result
from cekura_agent_kit.watch.round_process import RoundProcess
from cekura_agent_kit.watch.subject import Subject

from .agent_repo import made_in, save

PASSED = Result(1, "Asks", "digest", 0.1)
FAILED = Result(2, "Greets", "digest", 0.1, ("Waited",), "talk")


class Stub:
    """A round that finds this, and goes on until it is ended where nothing is left."""

    def __init__(self, *findings: Finding) -> None:
        self._findings = list(findings)
        self._ended = threading.Event()

    def start(self) -> None: ...

    def next(self) -> Finding:
        if not self._findings:
            self._ended.wait()
        return self._findings.pop(0) if self._findings else Broken("it was killed")

    def end(self) -> None:
        self._ended.set()


class Shown:
    """Notes what is shown, and calls back when the loop waits and when a round begins."""

    def __init__(self, waits: list[Callable[[], object]], began: dict[int, Callable[[], object]]) -> None:
        self.lines: list[str] = []
        self._waits, self._began, self._rounds = waits, began, 0

    def began(self, cause: Cause) -> None:
        self._rounds += 1
        self.lines.append(f"began {' '.join(path.name for path in cause.files)}".strip())
        self._began.get(self._rounds, lambda: None)()

    def found(self, finding: Finding) -> None:
        self.lines.append(type(finding).__name__)

    def ended(self, totals: Totals, seconds: float) -> None:
        self.lines.append(f"ended with {totals.exit_code}")

    def cut(self) -> None:
        self.lines.append("cut")

    def waits(self) -> None:
        self.lines.append("waits")
        self._waits.pop(0)()


async def looped(
    subject: Subject, rounds: list[Stub], waits: list[Callable[[], object]], began: dict[int, Callable[[], object]]
) -> tuple[list[str], list[Order]]:
    """Run the loop until it waits for the last time; return what was shown, and the rounds' orders."""
    orders: list[Order] = []

    def start(subject: Subject, order: Order) -> RoundProcess:
        orders.append(order)
        return cast(RoundProcess, rounds.pop(0))

    done = asyncio.Event()
    shown = Shown([*waits, done.set], began)
    loop = asyncio.create_task(EditLoop(subject, shown, start).run())
    waiting = asyncio.create_task(done.wait())
    await asyncio.wait([loop, waiting], return_when=asyncio.FIRST_COMPLETED)
    loop.cancel()
    waiting.cancel()
    await asyncio.wait([loop, waiting])
    assert loop.cancelled(), loop.exception()
    return shown.lines, orders


async def test_a_save_ends_the_round_and_begins_the_next(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    prompt = tmp_path / "prompt.md"
    prompt.write_text("Be kind.")
    (tmp_path / "notes.md").write_text("not read by the agent")

    def save_two() -> None:
        save(tmp_path / "notes.md", "saved")
        save(prompt, "Be brief.")

    rounds = [Stub(PASSED, FAILED, Ended(frozenset({str(prompt)}))), Stub(PASSED), Stub(FAILED, Ended())]
    lines, orders = await looped(subject, rounds, [save_two], {2: lambda: save(subject.scenarios, "saved meanwhile")})
    assert lines[:5] == ["began", "Result", "Result", "ended with 1", "waits"]
    assert lines[5] == "began prompt.md"
    assert lines[-5:] == ["cut", "began cekura.scenarios.yaml", "Result", "ended with 1", "waits"]
    assert orders[1] == Order({}, frozenset({2})), "the agent read it: all scenarios run"
    assert orders[2].failed == {2}


async def test_after_a_broken_import_any_python_file_begins_a_round(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    rounds = [Stub(Broken("no module")), Stub(PASSED, Ended())]
    lines, _ = await looped(subject, rounds, [lambda: save(tmp_path / "new.py", "")], {})
    assert lines == ["began", "Broken", "ended with 2", "waits", "began new.py", "Result", "ended with 0", "waits"]


async def test_once_the_exit_code_is_the_rounds(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    for findings, code in (([PASSED, Ended()], 0), ([PASSED, FAILED, Ended()], 1), ([Broken("no module")], 2)):
        shown = Shown([], {})
        stub = Stub(*findings)
        assert await EditLoop(subject, shown, lambda *_, stub=stub: stub).run(once=True) == code


def test_a_saved_scenario_file_leaves_the_results_of_the_others(tmp_path: Path) -> None:
    subject = made_in(tmp_path)
    memory = Memory(subject)
    for finding in (PASSED, FAILED, Ended(frozenset({str(tmp_path / "tools.py")}))):
        memory.add(finding)
    memory.forget([subject.scenarios])
    assert memory.order() == Order({1: "digest", 2: "digest"}, frozenset({2}))
    assert memory.concerns(tmp_path / "tools.py")
    assert not memory.concerns(tmp_path / "other.py")
    memory.forget([subject.scenarios, tmp_path / "tools.py"])
    assert memory.order() == Order({}, frozenset({2}))
