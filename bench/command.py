"""`python -m bench [NAME …] [--short] [--json F] [--readme]`: one line a figure, and a table at the end."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from .measure import Figure

NAMES = (
    "first-reply",
    "server-turn",
    "rehearsal-turn",
    "voice-overhead",
    "wrapped-job",
    "cold-run",
    "suite-20",
    "text-vs-voice",
    "voice-reply",
    "watch-500",
    "report-5000",
    "first-rehearsal",
    "start-up",
    "replay",
    "watch",
)
README = Path(__file__).with_name("README.md")
AT_ONCE = 3
"""Benchmarks at the same time in the short form, where no time counts."""
BEGIN, END = "<!-- begin: python -m bench --readme -->", "<!-- end -->"


_stopped = False


def _end_in_order(number: int, _frame: object) -> None:
    """Send SIGTERM to all processes of the benchmarks, and leave their ``with`` blocks, which stop what was started."""
    global _stopped
    _stopped = True
    signal.signal(number, signal.SIG_IGN)
    os.killpg(0, number)
    raise SystemExit(128 + number)


def main() -> int:
    """Exit code 0 where every benchmark worked; 1 where one did not or, unless it is short, where a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all when none is named")
    parser.add_argument("--short", action="store_true", help="few repeats: that they work, not how fast")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--readme", action="store_true", help="put the table into bench/README.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.readme and (options.names or options.short):
        parser.error("--readme holds a whole run: name no benchmark, and leave out --short")
    signal.signal(signal.SIGTERM, _end_in_order)
    surroundings, before = _surroundings(), _load()
    print(f"# {surroundings}; load {before}", flush=True)
    figures: list[Figure] = []
    failed: list[str] = []
    benches: dict[str, Callable[[], list[Figure]]] = {}
    with ProcessPoolExecutor(AT_ONCE) as processes:
        for name in options.names or NAMES:
            measure = partial(_measure, name, short=options.short)
            benches[name] = processes.submit(measure).result if options.short else measure
        for name, bench in benches.items():
            try:
                for figure in bench():
                    figures.append(figure)
                    print(figure.line(), flush=True)
            except Exception:  # noqa: BLE001 - one that fails does not take the others' figures with it
                failed.append(name)
                print(f"{name:<34} FAILED\n{traceback.format_exc()}", flush=True)
    surroundings = f"{surroundings}; load {before} before, {_load()} after"
    print(f"\n# {surroundings}\n\n{_table(figures)}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    if options.json:
        written = {"surroundings": surroundings, "short": options.short, "failed": failed}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(written | {"figures": list(map(asdict, figures))}, indent=2) + "\n")
    if options.readme and not failed:
        head, rest = README.read_text().split(BEGIN)
        below = textwrap.fill(f"{surroundings}.", 120, break_on_hyphens=False)
        README.write_text(f"{head}{BEGIN}\n\n{_table(figures)}\n\n{below}\n\n{END}{rest.split(END)[1]}")
    return int(bool(failed) or (not options.short and any(figure.met is False for figure in figures)))


def _measure(name: str, *, short: bool) -> list[Figure]:
    if _stopped:
        raise SystemExit
    found: list[Figure] = importlib.import_module(f".{name.replace('-', '_')}", __package__).bench(short=short)
    return [replace(figure, met=None) for figure in found] if short else found


def _surroundings() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("livekit-agents", "livekit", "cekura"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%d %B %Y}, {machine}, {packages}"


def _load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def _table(figures: list[Figure]) -> str:
    rows = ["| name | ours | against | ratio | goal | | |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        peer = f"{figure.peer:.4g} {figure.unit}" if figure.peer is not None else "–"
        ratio = f"{figure.ratio:.3g}" if figure.ratio is not None else "–"
        met = {True: "met", False: "**not met**", None: "shown"}[figure.met]
        ours = f"{figure.ours:.4g} {figure.unit}"
        rows.append(f"| {figure.name} | {ours} | {peer} | {ratio} | {figure.goal} | {met} | {figure.note} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
