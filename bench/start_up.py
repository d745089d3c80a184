"""Cost of having the kit installed: the command's help, the import, the pytest plugin."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from .measure import KIT, Figure, interleaved, process_seconds

PLUGIN = "cekura_agent_kit.rehearsal.plugin"


def bench(*, short: bool) -> list[Figure]:
    """Whole processes, in turn; a bare Python is taken off where an import is measured."""
    repeats = 1 if short else 7
    return [_help(repeats), _import(repeats), _plugin(repeats)]


def _help(repeats: int) -> Figure:
    scripts = Path(sys.executable).parent
    vendor = shutil.which("cekura", path=str(scripts)) or "cekura"
    library = [sys.executable, "-c", "import typer, rich.table"]
    ways = [[KIT, "--help"], [vendor, "--help"], library]
    took = interleaved([partial(process_seconds, *way) for way in ways], repeats=repeats)
    return Figure(
        name="start-up: --help",
        ours=took.median(0),
        peer=took.median(1),
        ratio=took.ratio(0, 1),
        unit="s",
        goal="<= 0.5 of `cekura --help`",
        met=took.ratio(0, 1) <= 0.5,
        note=f"whole processes; {took.median(2):.3g} s are a bare Python with typer and rich's tables",
    )


def _import(repeats: int) -> Figure:
    codes = ("", "import cekura_agent_kit", "import livekit.agents")
    took = interleaved([partial(process_seconds, sys.executable, "-c", code) for code in codes], repeats=repeats)
    ours, peer = took.difference(1, 0), took.difference(2, 0)
    return Figure(
        name="start-up: import",
        ours=ours,
        peer=peer,
        ratio=ours / peer,
        unit="s",
        goal="<= 0.03 s",
        met=ours <= 0.03,
        note="beyond a bare Python; against livekit.agents",
    )


def _plugin(repeats: int) -> Figure:
    """Other plugins of the environment are left out: they take a second, and their noise would hide ours."""
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # Exit code 5 says that no test was collected, which is right here.
    collect = "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]) not in (0, 5))"
    command = [sys.executable, "-c", collect, "--collect-only", "-q"]
    with tempfile.TemporaryDirectory() as folder:
        # An ini file of its own, so that pytest looks no further up.
        (Path(folder) / "pytest.ini").write_text("[pytest]\n")
        ways = [[*command, "-p", PLUGIN], command]
        took = interleaved([partial(process_seconds, *way, cwd=folder, env=alone) for way in ways], repeats=repeats)
    more = took.difference(0, 1)
    return Figure(
        name="start-up: pytest plugin",
        ours=took.median(0),
        peer=took.median(1),
        ratio=took.ratio(0, 1),
        unit="s",
        goal="<= 0.02 s more",
        met=more <= 0.02,
        note=f"{more * 1000:.1f} ms more than without",
    )
