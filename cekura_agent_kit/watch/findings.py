"""Findings of a round, which it reports to the watching process while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Order:
    """The task of the next round.

    Attributes:
        done: scenarios that need not run again, by id, each with the digest of its text; empty after a change of the
            agent, which concerns them all.
        failed: scenarios that did not hold, or could not be held, last time.
    """

    done: dict[int, str] = field(default_factory=dict)
    failed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Planned:
    """The scenarios that the round rehearses, in order.

    Attributes:
        ids: their ids.
        among: number of scenarios of the file that can be rehearsed.
        left_out: ids of those for whose caller a model would be asked.
    """

    ids: tuple[int, ...]
    among: int
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True)
class Result:
    """The result of one scenario.

    Attributes:
        id: the scenario's.
        name: the scenario's.
        digest: of the scenario's text.
        seconds: duration of the rehearsal.
        problems: a sentence for each expectation that does not hold, or for the error that ended it; empty if all hold.
        talk: what was said and called, and where to look; empty if all hold.
        output: what the agent's process printed meanwhile; empty if all hold.
    """

    id: int
    name: str
    digest: str
    seconds: float
    problems: tuple[str, ...] = ()
    talk: str = ""
    output: str = ""


@dataclass(frozen=True)
class Broken:
    """A file cannot be used, so that nothing can be rehearsed.

    Attributes:
        reason: a sentence, with file and line.
        hint: what to do; may be empty.
        output: what the agent's process printed meanwhile.
    """

    reason: str
    hint: str = ""
    output: str = ""


@dataclass(frozen=True)
class Ended:
    """The end of the round.

    Attributes:
        files: absolute paths of the files of the agent's own that it imported or read, and of the suite's.
    """

    files: frozenset[str] = frozenset()


Finding = Planned | Result | Broken | Ended
