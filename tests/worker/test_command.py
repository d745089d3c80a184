"""The command `cekura-kit worker` refuses what it cannot serve, without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.trigger.bench import ROOT
from tests.worker.agent_files import GREETER


def test_an_agent_that_is_not_wrapped_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(GREETER.replace("@wrap_entrypoint\n", ""))
    done = subprocess.run(
        [sys.executable, "-c", "from cekura_agent_kit.cli import main; main()", "worker", "agent.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "entrypoint is not wrapped with wrap_entrypoint, and runs in text mode need it" in done.stdout
    assert "hint: add `@wrap_entrypoint`" in done.stdout
    assert "Traceback" not in done.stdout + done.stdout
