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


def credits(value: float) -> str:
    """Return an amount of Cekura's credits: ``1 credit``, ``14.5 credits``."""
    return f"{number(value)} credit{'' if value == 1 else 's'}"


def number(value: float) -> str:
    """Return a number with two decimals at most: ``1,234.5``."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")
