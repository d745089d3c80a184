"""GitHub's expressions, ``${{ … }}``: contexts, ``==``, ``!=``, ``!``, ``&&``, ``||``, and the functions that are used.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>\|\||&&|==|!=|[!().,*]))")
_HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class Expressions:
    """Evaluates expressions with some contexts and the state of a job."""

    def __init__(self, contexts: Mapping[str, Any], *, failed: bool = False, cancelled: bool = False) -> None:
        self._contexts = contexts
        self._functions: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "cancelled": lambda: cancelled,
            "failure": lambda: failed,
            "success": lambda: not failed and not cancelled,
            "contains": lambda where, what: _lowered(what) in _lowered(where),
        }

    def filled(self, text: object) -> str:
        """Return a text with its expressions replaced by their values."""
        return _HOLE.sub(lambda hole: _as_text(self.value(hole[1])), str(text))

    def holds(self, condition: object) -> bool:
        """Return whether a step or job with this `if` runs. Without a status function, success is needed."""
        text = "success()" if condition is None else str(condition)
        hole = _HOLE.fullmatch(text.strip())
        text = hole[1] if hole else text
        if not re.search(r"\b(always|cancelled|failure|success)\(", text):
            text = f"success() && ({text})"
        return bool(self.value(text))

    def value(self, text: str) -> Any:
        """Return the value of an expression."""
        tokens = _tokens(text)
        value = self._or(tokens)
        if tokens:
            raise ValueError(f"{text!r}: {tokens[0]!r} was not expected")
        return value

    def _or(self, tokens: list[str]) -> Any:
        value = self._and(tokens)
        while _next(tokens, "||"):
            other = self._and(tokens)
            value = value or other
        return value

    def _and(self, tokens: list[str]) -> Any:
        value = self._equal(tokens)
        while _next(tokens, "&&"):
            other = self._equal(tokens)
            value = value and other
        return value

    def _equal(self, tokens: list[str]) -> Any:
        value = self._unary(tokens)
        if _next(tokens, "=="):
            return _lowered(value) == _lowered(self._unary(tokens))
        if _next(tokens, "!="):
            return _lowered(value) != _lowered(self._unary(tokens))
        return value

    def _unary(self, tokens: list[str]) -> Any:
        if _next(tokens, "!"):
            return not self._unary(tokens)
        if _next(tokens, "("):
            value = self._or(tokens)
            _expect(tokens, ")")
            return value
        token = tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        return self._call(token, tokens) if _next(tokens, "(") else self._member(token, tokens)

    def _call(self, name: str, tokens: list[str]) -> Any:
        arguments = []
        while not _next(tokens, ")"):
            arguments.append(self._or(tokens))
            _next(tokens, ",")
        return self._functions[name](*arguments)

    def _member(self, context: str, tokens: list[str]) -> Any:
        value = self._contexts[context]  # one that is not known here is an error, not an empty text
        while _next(tokens, "."):
            name = tokens.pop(0)
            if name == "*":
                value = list(value or ())
            elif isinstance(value, list):
                value = [each.get(name) for each in value]
            else:
                value = value.get(name) if isinstance(value, Mapping) else None
        return value


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"{text!r}: {text[at:]!r} is not an expression")
        found.append(token[0].strip())
        at = token.end()
    return found


def _next(tokens: list[str], sign: str) -> bool:
    if tokens and tokens[0] == sign:
        tokens.pop(0)
        return True
    return False


def _expect(tokens: list[str], sign: str) -> None:
    if not _next(tokens, sign):
        raise ValueError(f"{sign!r} was expected before {tokens}")


def _lowered(value: Any) -> Any:
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    return ("" if value is None else value).lower() if isinstance(value, str | None) else value


def _as_text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return str(value)
