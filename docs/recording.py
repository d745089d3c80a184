"""Recording of a terminal in the README: an SVG with the real output of real commands.

    python docs/recording.py          # runs the restaurant example in the sandbox, writes docs/images/terminal.svg

Each command runs in a pseudo-terminal, as a person sees it. Left out are lines that are written over, such as the live
table while runs go on, the end of lines that are too wide, and the name of the temporary folder.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
IMAGE = ROOT / "docs/images/terminal.svg"
COLUMNS = 108
SUITE = """name: restaurant
worker: agent.py
mode: text
agent_timeout: 60s
runs:
  - {scenario: 30, repeat: 2}
  - scenario: 32
  - scenario: 36
"""
ASKS_FOR_A_DISH = """
36:
  name: Asks for a vegan dish
  talk:
    - hear: welcome
    - say: Do you have a vegan dish?
      hear: yes.*vegan
  outcome: The caller hears which dishes are vegan.
  patience: 3s
"""
"""The example's agent does not know: the run fails."""
COMMANDS = ("cekura-kit run --sandbox --json report.json",)
CONTROL = re.compile(r"\x1b\[\?\d+[hl]|\x1b\[\d*[ABCDEFGJK]|\x1b\[\d+;\d+H")


def main() -> None:
    """Run the commands and write the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(ROOT / "examples/restaurant", Path(scratch) / "restaurant"))
        (folder / "cekura.yaml").write_text(SUITE, encoding="utf-8")
        with (folder / "cekura.scenarios.yaml").open("a", encoding="utf-8") as scenarios:
            scenarios.write(ASKS_FOR_A_DISH)
        outputs = [(command, output_of(command, folder)) for command in COMMANDS]
    write(outputs, IMAGE)
    print(f"{IMAGE}: {IMAGE.stat().st_size / 1000:.0f} kB")


def output_of(command: str, folder: Path) -> str:
    """Return what the command prints on a terminal, with its colours."""
    ours, its = pty.openpty()
    bin_folder = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    environment |= {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LINES": "200",
    }
    process = subprocess.Popen(
        command.split(), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=its, stderr=its
    )
    os.close(its)
    received = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not part:
            break
        received += part
    process.wait()
    os.close(ours)
    return received.decode("utf-8", "replace").replace(f"{folder.resolve()}{os.sep}", "")


def visible(output: str) -> list[str]:
    """Return the lines that stay on the terminal: the last state of each that is written over, without repaints."""
    lines: list[str] = []
    row = 0
    for token in re.split(r"(\x1b\[\d*A|\x1b\[\d*K|\r\n|\n|\r)", output):
        if not token:
            continue
        if token in ("\n", "\r\n"):
            row += 1
        elif up := re.fullmatch(r"\x1b\[(\d*)A", token):
            row = max(row - int(up[1] or 1), 0)
        elif token == "\r":
            continue
        elif token.endswith("K"):
            _row(lines, row)
            lines[row] = ""
        else:
            _row(lines, row)
            lines[row] = lines[row] + CONTROL.sub("", token) if lines[row] else CONTROL.sub("", token)
    return lines


def _row(lines: list[str], row: int) -> None:
    while len(lines) <= row:
        lines.append("")


def write(outputs: list[tuple[str, str]], image: Path) -> None:
    """Write the picture of these commands and their outputs."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"), force_terminal=True)
    for number, (command, output) in enumerate(outputs):
        console.print(Text.assemble(("" if not number else "\n"), ("$ ", "bold green"), (command, "bold")))
        lines = visible(output)
        while lines and not lines[-1].strip():
            lines.pop()
        for line in lines:
            text = Text.from_ansi(line)
            text.truncate(COLUMNS, overflow="ellipsis")
            console.print(text, soft_wrap=True)
    image.write_text(console.export_svg(title="cekura-kit"), encoding="utf-8")


if __name__ == "__main__":
    main()
