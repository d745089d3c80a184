"""A cassette in use: what it has, what is played of it, and what is added."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from ..counting import counted
from ..errors import CassetteError, CassetteMiss
from ..placeholder import PLACEHOLDER
from ..safe_text import secrets_of
from .differences import differences, nearest
from .exchange import Answer, Asked, Exchange
from .placeholders import without_keys, without_now
from .tape_file import read, write

__tracebackhide__ = True

_MOST: Final = 6
"""Differences that are listed."""


class RecordMode(StrEnum):
    """Occasions on which an agent's own model is asked, and its answers are recorded."""

    NONE = "none"
    """Never: what was not recorded fails."""
    ONCE = "once"
    """If there is no cassette yet."""
    NEW = "new"
    """For what was not recorded."""
    ALL = "all"
    """For everything; the cassette is written anew."""


def default_mode(environment: Mapping[str, str]) -> RecordMode:
    """Return the mode where none is named: ``none`` where `CI` is set, else ``once``."""
    is_ci = environment.get("CI", "").lower() not in ("", "0", "false")
    return RecordMode.NONE if is_ci else RecordMode.ONCE


class Tape:
    """A cassette during a session of tests, shared by all that name it.

    Args:
        path: its file.
        mode: whether it records.
        command: records it, with the options that are missing; for hints.

    Attributes:
        path: its file.
        records: requests that it lacks are sent to the agent's own model, and recorded.
        exchanges: what it has.
        added: number of exchanges that were recorded in this session.

    Raises:
        CassetteError: there is no such file and nothing may be recorded, or the file cannot be used.
    """

    def __init__(self, path: Path, mode: RecordMode, *, command: str = "pytest") -> None:
        exists = path.exists()
        self.path = path
        self.records = mode in (RecordMode.NEW, RecordMode.ALL) or (mode is RecordMode.ONCE and not exists)
        self.added = 0
        if not exists and not self.records:
            raise CassetteError(
                f"{path}: there is no such cassette, and with --cekura-record={mode} none is recorded",
                hint=f"record it where the agent's model has its key: {command} --cekura-record=once",
            )
        is_read = exists and mode is not RecordMode.ALL
        self._agent, exchanges = read(path) if is_read else ("", [])
        self.exchanges: list[Exchange] = exchanges
        self._written = 0

    def check_agent(self, agent: str) -> None:
        """Check that a cassette is used with the agent with which it was recorded.

        Raises:
            CassetteError: it is another agent's.
        """
        if not self._agent:
            self._agent = agent
        elif self._agent != agent:
            raise CassetteError(
                f"{self.path}: the cassette is of another agent: it was recorded with {self._agent}, "
                f"and this is {agent}",
                hint="name a cassette of this agent; if the agent has moved, correct the line `agent:`",
            )

    def add(self, exchange: Exchange) -> None:
        """Add an exchange. Keys and tokens, and what is true only now, are replaced by placeholders."""
        # What stands for a key in a test is no secret, and a word of plain text.
        secrets = [each for each in secrets_of(os.environ) if each != PLACEHOLDER]
        now = datetime.now().astimezone()

        def everywhere(text: str) -> str:
            return without_keys(text, secrets)

        asked = exchange.asked.changed(everywhere, lambda text: without_now(text, now))
        self.exchanges.append(Exchange(asked, exchange.answer.changed(everywhere)))
        self.added += 1

    def save(self) -> None:
        """Write the file, if something was added since it was last written."""
        if self.added > self._written:
            write(self.path, self._agent, self.exchanges)
            self._written = self.added


class Player:
    """A cassette as one call hears it: a request that comes again has the next of its answers, then the last one.

    Args:
        tape: the cassette.
        command: records the cassette, with the option that is missing; for hints.
        asker: who asks, for errors.

    Attributes:
        tape: the cassette.
    """

    def __init__(self, tape: Tape, *, command: str = "pytest", asker: str = "this call") -> None:
        self.tape = tape
        self._asker = asker
        self._command = command
        self._played: Counter[int] = Counter()
        self._requests = 0

    def answer(self, asked: Asked) -> Answer | None:
        """Return the answer to a request; None if it is to be recorded.

        Raises:
            CassetteMiss: it was not recorded, and nothing may be.
        """
        self._requests += 1
        found = self._found(asked)
        if found and (self._played[found[0]] < len(found) or not self.tape.records):
            number = found[min(self._played[found[0]], len(found) - 1)]
            self._played[found[0]] += 1
            return self.tape.exchanges[number].answer
        if self.tape.records:
            return None
        raise self._miss(asked)

    def play(self, asked: Asked) -> Answer:
        """Return the answer to a request of a cassette that records nothing.

        Raises:
            CassetteMiss: it was not recorded.
        """
        answer = self.answer(asked)
        assert answer is not None, "nothing is recorded"
        return answer

    def record(self, asked: Asked, answer: Answer) -> None:
        """Record the answer to a request."""
        self.tape.add(Exchange(asked, answer))
        if found := self._found(asked):
            self._played[found[0]] += 1

    def _found(self, asked: Asked) -> list[int]:
        return [number for number, each in enumerate(self.tape.exchanges) if each.asked.matches(asked)]

    def _miss(self, asked: Asked) -> CassetteMiss:
        exchanges = self.tape.exchanges
        text = f"{self.tape.path}: request {self._requests} of {self._asker} was not recorded"
        if (index := nearest(asked, exchanges)) is None:
            text += ": the cassette has no exchange"
        else:
            secrets = secrets_of(os.environ)
            found = [without_keys(each, secrets) for each in differences(exchanges[index].asked, asked)]
            text += (
                f". It has {counted(len(exchanges), 'exchange')}; the nearest is {index + 1}, with "
                f"{counted(len(found), 'difference')}:" + "".join(f"\n  - {each}" for each in found[:_MOST])
            )
            text += f"\n  - and {len(found) - _MOST} more" if len(found) > _MOST else ""
        return CassetteMiss(
            text,
            hint=f"if the change is meant, record what is missing, with the model's key: {self._command} "
            "--cekura-record=new; with =all the whole cassette is recorded anew",
        )
