"""`cassette`: names recorded answers of the agent's model, in the place of `llm`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cassettes.tape import Player, RecordMode, Tape, default_mode
from ..counting import counted
from ..errors import CassetteError

__tracebackhide__ = True


@dataclass(frozen=True)
class Cassette:
    """A cassette that a test names.

    Attributes:
        path: its file; a relative one is searched beside the test and in the folders above it.
        record: whether it records; None: as pytest's option ``--cekura-record`` says.
    """

    path: Path
    record: RecordMode | None = None


def cassette(path: str | Path, *, record: RecordMode | str | None = None) -> Cassette:
    """Return a cassette for the option ``llm`` of a rehearsal: recorded answers of the agent's own model.

    Args:
        path: its file; a relative one is searched beside the test and in the folders above it.
        record: ``none``, ``once``, ``new`` or ``all``, whatever pytest's option says. Default: as it says.

    Raises:
        CassetteError: ``record`` is something else.
    """
    if record is not None and record not in set(RecordMode):
        raise CassetteError(f"record={record!r}", hint=f"give one of {', '.join(RecordMode)}")
    return Cassette(Path(path), RecordMode(record) if record is not None else None)


class Tapes:
    """The cassettes of a session of tests: each is read once, and shared by the tests that name it.

    Args:
        mode: records or not, where a test does not say. Default: by the environment, see `default_mode`.
    """

    def __init__(self, mode: RecordMode | None = None) -> None:
        self._mode = mode
        self._tapes: dict[tuple[Path, RecordMode], Tape] = {}

    def player(self, given: Cassette, folders: Sequence[Path], *, command: str = "pytest") -> Player:
        """Return a cassette for one call.

        Args:
            given: the cassette.
            folders: folders in which a relative path is searched. A new file is made in the first one.
            command: pytest with the test that names it, for hints.

        Raises:
            CassetteError: it does not exist and nothing may be recorded, or it cannot be used.
        """
        mode = given.record or self._mode or default_mode(os.environ)
        found = (folder / given.path for folder in folders if (folder / given.path).is_file())
        path = next(found, folders[0] / given.path).resolve()
        key = (path, mode)
        if key not in self._tapes:
            self._tapes[key] = Tape(path, mode, command=command)
        return Player(self._tapes[key], command=command)

    def lines(self) -> list[str]:
        """Return a line for each cassette that was recorded in this session."""
        return [
            f"{tape.path}: recorded {tape.added} of {counted(len(tape.exchanges), 'exchange')}"
            for tape in self._tapes.values()
            if tape.added
        ]
