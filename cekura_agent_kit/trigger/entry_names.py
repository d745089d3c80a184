"""Names of a suite's entries. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def entry_names(entries: Sequence[tuple[str | None, str]]) -> list[str]:
    """Return the names of the entries: their own, or the usual one, numbered from the second on.

    Args:
        entries: own name, or None, and usual name of each entry: ``5501 text``.
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
