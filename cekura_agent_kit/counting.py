"""Counts, as they are written in a sentence."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun: ``1 run``, ``2 runs``.

    Args:
        number: how many.
        noun: in the singular.
        plural: the noun's plural, if it is not the singular with an ``s``.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
