"""The log of the suite's worker: its end for people to read, and what it shows of a failure."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from ..settings.redaction import Redaction
from .process_group import exit_in_words

TAIL: Final = 12
"""Lines of its log in an error."""
_WIDTH: Final = 300
"""Characters of such a line."""
_DEV_LINE: Final = re.compile(
    r"^\r?(?:\d{4}-\d\d-\d\d )?\d\d:[\d:,]+ (?:- )?([A-Z]{3,8})\s+[\w.]+ (?:- )?(.*?)\s*(?:\{.*\})?\s*$"
)
"""Record of `dev`, of `python -m livekit.agents start --dev`, and of its shorter form without a date."""
_CRASHED: Final = re.compile(r"process exited with non-zero exit code (-?\d+)")
_OWN_HINT: Final = re.compile(r"^  hint: (.+)$", re.MULTILINE)
"""Of `worker.serve`."""
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HINTS: Final = (
    (r"ModuleNotFoundError|ImportError", "install the missing module into the environment that runs cekura-kit"),
    (
        r"[Aa]ddress already in use",
        "its health port is in use: name the agent's file alone (`worker: agent.py`), or start the command in dev mode "
        "(`python -m livekit.agents start --dev agent.py`, or the built-in `dev --no-reload`): each takes a free one",
    ),
    (r"401|[Uu]nauthorized|invalid (API key|token)", "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"),
    (r"No such file or directory|can't open file", "the command runs in the suite's folder: check its paths"),
    (
        r"[Uu]sage:|No such command|unrecognized arguments",
        "check the command: `python -m livekit.agents start agent.py`, or `python agent.py start` with the agent's "
        "built-in command line; or name its file alone (`worker: agent.py`)",
    ),
    (r"Cannot connect to host|Connection refused|ConnectError", "check LIVEKIT_URL, and that the server is running"),
)


class WorkerLog:
    """File with the output of a worker. All that is read from it is without colours and secrets.

    Args:
        redaction: applied whenever it is read.

    Attributes:
        path: of the file, among the system's temporary files.
    """

    def __init__(self, redaction: Redaction) -> None:
        handle, path = tempfile.mkstemp(prefix="cekura-kit-worker-", suffix=".log")
        os.close(handle)
        self.path = Path(path)
        self._redaction = redaction
        self._crashes: list[str] = []
        self._searched = 0

    def text(self) -> str:
        """Return all of it."""
        text = self.path.read_text(errors="replace") if self.path.exists() else ""
        return self._redaction.text(_ANSI.sub("", text))

    def lines(self) -> list[str]:
        """Return all of its lines."""
        return self.text().splitlines()

    def tail(self, lines: int = TAIL) -> str:
        """Return the end of it as people read it: level, message and traceback of each line."""
        shown = "\n".join(text for line in self.lines() if (text := _readable(line)))
        return "\n".join(shown.splitlines()[-lines:])

    def hint(self) -> str:
        """Return what to do about a worker that failed, by what its log says."""
        text = self.text()
        own = _OWN_HINT.search(text)
        return own[1] if own else next((hint for sign, hint in _HINTS if re.search(sign, text)), "read its log")

    def crash_in(self, room: str) -> str:
        """Describe how the job process of this room died; empty if it did not."""
        self._search_new_lines()
        line = next((line for line in self._crashes if room in line), "")
        match = _CRASHED.search(line)
        return f"the agent's job process died ({exit_in_words(int(match[1]))})" if match else ""

    def _search_new_lines(self) -> None:
        # Often asked, of a log that may become long: every line is read once.
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._searched)
            complete = file.read().rpartition(b"\n")[0]
        self._searched += len(complete)
        self._crashes += [line for line in complete.decode(errors="replace").splitlines() if _CRASHED.search(line)]

    def delete(self) -> None:
        """Delete the file, which has secrets."""
        self.path.unlink(missing_ok=True)


def fields(line: str) -> dict[str, Any]:
    """Return the fields of a log line: all of it is JSON in `start`, its end in `dev`. Empty if it has none."""
    begin = line.find("{")
    with contextlib.suppress(ValueError):
        value = json.loads(line[begin:]) if begin >= 0 else None
        if isinstance(value, dict):
            return value
    return {}


def _readable(line: str) -> str:
    """Reduce a line of a worker's log to level, message and traceback; an empty string for DEBUG lines.

    `start` logs JSON, `dev` logs time, level, name, message and then JSON. Any other line stays as it is.
    """
    with contextlib.suppress(ValueError):
        value = json.loads(line)
        if isinstance(value, dict) and "message" in value:
            parts = [f"{value.get('level', '')} {value['message']}".strip(), str(value.get("exc_info") or "")]
            return "" if value.get("level") == "DEBUG" else "\n".join(part for part in parts if part)
    if match := _DEV_LINE.match(line):
        level, message = match.groups()
        return "" if level == "DEBUG" else f"{level} {message}"[:_WIDTH].rstrip()
    return line[:_WIDTH].rstrip()
