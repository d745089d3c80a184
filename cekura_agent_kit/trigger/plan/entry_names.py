"""Names of a suite's entries in reports. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ...errors import SuiteError


def entry_names(entries: Sequence[tuple[str | None, str]]) -> list[str]:
    """Return the names of the entries, each once.

    Args:
        entries: each entry's own name, or None, and the name to use then. That one is numbered from the second on.
    """
    own = {name for name, _ in entries}
    names: list[str] = []
    numbers: Counter[str] = Counter()
    for given, usual in entries:
        name = base = given or usual
        while given is None and (numbers[base] or name in own):
            number = numbers[base] = max(numbers[base], 1) + 1
            name = f"{base} {number}"
            if name not in own:
                break
        numbers[base] = max(numbers[base], 1)
        names.append(name)
    return names


def check_names(names: Sequence[str | None], place: Callable[..., str]) -> None:
    """Check that no two entries have the same name.

    Args:
        names: their own names, or None.
        place: returns the beginning of an error about a key of the suite.

    Raises:
        SuiteError: a name is used twice.
    """
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise SuiteError(
                f"{place('runs', index, 'name')}the name {name!r} is used twice",
                hint="give each entry of `runs` a name of its own, or none",
            )
        if name is not None:
            seen.add(name)
