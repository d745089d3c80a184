"""What it costs to have the kit around: the command's help, the import, the pytest plugin."""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from .measure import Figure, interleaved, process_seconds


def bench(*, short: bool) -> list[Figure]:
    """Whole processes, in turn; a bare Python is taken off where an import is measured."""
    repeats = 1 if short else 11
    scripts = Path(sys.executable).parent
    ours, peer = interleaved(
        [
            partial(process_seconds, str(scripts / "cekura-kit"), "--help"),
            partial(process_seconds, *_peer_help(scripts)),
        ],
        repeats=repeats,
    )
    nothing, kit, agents = interleaved(
        [
            partial(process_seconds, sys.executable, "-c", code)
            for code in ("", "import cekura_agent_kit", "import livekit.agents")
        ],
        repeats=repeats,
    )
    with tempfile.TemporaryDirectory() as folder:
        # An ini file of its own, so that pytest looks no further up.
        (Path(folder) / "pytest.ini").write_text("[pytest]\n")
        # Exit code 5 says that no test was collected, which is right here.
        collect = "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]) not in (0, 5))"
        command = [sys.executable, "-c", collect, "--collect-only", "-q"]
        with_plugin, without = interleaved(
            [
                partial(process_seconds, *command, cwd=folder),
                partial(process_seconds, *command, "-p", "no:cekura", cwd=folder),
            ],
            repeats=repeats,
        )
    return [
        Figure(name="start-up: --help", ours=ours, peer=peer, unit="s", goal="<= 0.3 s", met=ours <= 0.3),
        Figure(
            name="start-up: import",
            ours=kit - nothing,
            peer=agents - nothing,
            unit="s",
            goal="<= 0.03 s",
            met=kit - nothing <= 0.03,
            note="beyond a bare Python; against livekit.agents",
        ),
        Figure(
            name="start-up: pytest plugin",
            ours=with_plugin,
            peer=without,
            unit="s",
            goal="<= 0.02 s more",
            met=with_plugin - without <= 0.02,
            note=f"{(with_plugin - without) * 1000:.1f} ms more than without",
        ),
    ]


def _peer_help(scripts: Path) -> list[str]:
    vendor = shutil.which("cekura", path=str(scripts))
    return [vendor, "--help"] if vendor else [sys.executable, "-m", "cekura", "--help"]
