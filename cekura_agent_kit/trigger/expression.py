"""The expression of `-k`: words, joined by `and`, `or`, `not` and parentheses. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from ..errors import SuiteError

Matches = Callable[[Iterable[str]], bool]
"""Returns True if texts match the expression."""

_TOKEN: Final = re.compile(r"\s*(?:([()])|\"([^\"]*)\"|'([^']*)'|([^\s()\"']+))")
_LONGEST: Final = 1000
"""Characters: a longer expression could be nested deeper than the parser can follow."""


def compiled(expression: str) -> Matches:
    """Return the expression as a function of texts. A word matches if one of them has it as a part, case ignored.

    Raises:
        SuiteError: it is not an expression.
    """
    parser = _Parser(expression)
    matches = parser.any_of()
    if parser.left:
        raise parser.error(f"{parser.left[0][0]!r} is not expected")
    return lambda texts: matches([text.casefold() for text in texts])


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self.left: list[tuple[str, bool]] = []
        """Tokens that are not read yet, and whether each was quoted."""
        at = 0
        if len(expression) > _LONGEST:
            raise self.error(f"it has more than {_LONGEST} characters")
        while expression[at:].strip():
            token = _TOKEN.match(expression, at)
            if token is None:
                raise self.error("a quote is not closed")
            parenthesis, double, single, word = token.groups()
            quoted = double if double is not None else single
            self.left.append((parenthesis or word or quoted or "", quoted is not None))
            at = token.end()

    def error(self, what: str) -> SuiteError:
        return SuiteError(
            f"-k: {what}: {self._expression[:200]!r}",
            hint="write words, joined by and, or, not and parentheses, such as -k \"refund and not 'gold customers'\"",
        )

    def any_of(self) -> Matches:
        parts = [self._all_of()]
        while self._accept("or"):
            parts.append(self._all_of())
        return lambda texts: any(part(texts) for part in parts)

    def _all_of(self) -> Matches:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return lambda texts: all(part(texts) for part in parts)

    def _one(self) -> Matches:
        if self._accept("not"):
            inverted = self._one()
            return lambda texts: not inverted(texts)
        if self._accept("("):
            inner = self.any_of()
            if not self._accept(")"):
                raise self.error("a parenthesis is not closed")
            return inner
        if not self.left:
            raise self.error("a word is missing at its end")
        word, quoted = self.left[0]
        if not word or (not quoted and word in ("and", "or", ")")):
            raise self.error(f"a word is missing before {word!r}")
        del self.left[0]
        return lambda texts: any(word.casefold() in text for text in texts)

    def _accept(self, token: str) -> bool:
        if self.left and self.left[0] == (token, False):
            del self.left[0]
            return True
        return False
