"""`python -m bench [NAME …] [--short] [--json F]`: one line a figure, and a table at the end."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from .measure import Figure

NAMES = (
    "first-reply",
    "server-turn",
    "rehearsal-turn",
    "voice-overhead",
    "suite-20",
    "text-vs-voice",
    "watch-500",
    "start-up",
)


def main() -> int:
    """Exit code 0 where every benchmark worked; 1 where a goal was missed and times count."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all when none is named")
    parser.add_argument("--short", action="store_true", help="few repeats: that they work, not how fast")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"# {machine}; load {_load()}", flush=True)
    figures: list[Figure] = []
    for name in options.names or NAMES:
        module = importlib.import_module(f".{name.replace('-', '_')}", __package__)
        for figure in module.bench(short=options.short):
            figures.append(figure)
            print(figure.line(), flush=True)
    print(f"\n# load {_load()}\n\n{_table(figures)}")
    if options.json:
        written = {"machine": machine, "short": options.short, "figures": [asdict(figure) for figure in figures]}
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    return int(not options.short and any(figure.met is False for figure in figures))


def _load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def _table(figures: list[Figure]) -> str:
    rows = ["| name | ours | against | ratio | goal | |", "|---|---|---|---|---|---|"]
    for figure in figures:
        peer = f"{figure.peer:.4g} {figure.unit}" if figure.peer is not None else ""
        ratio = f"{figure.ratio:.3g}" if figure.ratio is not None else ""
        met = {True: "met", False: "**not met**", None: "shown"}[figure.met]
        rows.append(f"| {figure.name} | {figure.ours:.4g} {figure.unit} | {peer} | {ratio} | {figure.goal} | {met} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
