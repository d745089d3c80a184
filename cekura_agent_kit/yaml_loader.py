"""YAML parser for files that people write: the core schema of YAML 1.2, and only what JSON can express.

`NO`, `on`, `19:00` and `2026-12-24` are strings, and `030` is 30. Merge keys (`<<`) are accepted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable
from typing import Any, ClassVar, Final

import yaml
from yaml.constructor import ConstructorError

_TAG: Final = "tag:yaml.org,2002:"
_MOST_VALUES: Final = 20_000
"""Values of one file, with each alias counted as often as it is used: ten times more than the largest suite. They are
counted while they are read, so that a file of a megabyte is refused within a second."""


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """Parse one YAML document.

    Returns:
        Its root node, which knows lines, and its value. None and None for an empty document.

    Raises:
        yaml.YAMLError: not YAML, or a value that JSON does not have.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check_size(node, {}, set())
        return node, loader.construct_document(node)
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Loader of the core schema. A key occurs once in a mapping and is a plain value."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    _composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._composed += 1
        if self._composed > _MOST_VALUES:
            raise ConstructorError(None, None, f"more than {_MOST_VALUES} values", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == f"{_TAG}merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise _error("a key must be plain text", key_node)
            # As JSON writes it: `1` and `"1"` are one key.
            text = key if isinstance(key, str) else json.dumps(key)
            if text in seen:
                raise _error(f"the key {key!r} occurs twice", key_node)
            seen.add(text)
        return super().construct_mapping(node, deep)


def _string(loader: _Loader, node: yaml.ScalarNode) -> str:
    text = loader.construct_scalar(node)
    try:
        # Escapes of the two halves of one character, as JSON writes them, become that character.
        return str(text).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _error("half of a character (a lone surrogate)", node) from None


def _null(loader: _Loader, node: yaml.ScalarNode) -> None:
    del loader, node


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() == "true"


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    try:
        return int(text, base)
    except ValueError:
        raise _error(f"{text[:20]}… is too large a number", node) from None


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node))
    value = math.inf if text.lower().endswith((".inf", ".nan")) else float(text)
    if not math.isfinite(value):
        raise _error(f"{text} is not a finite number", node)
    return value


def _unsupported(loader: _Loader, node: yaml.Node) -> Any:
    del loader
    raise _error(f"{str(node.tag).replace(_TAG, '!!')} is not supported; write text, numbers, lists and mappings", node)


def _error(problem: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)


def _check_size(node: yaml.Node, sizes: dict[int, int], open_nodes: set[int]) -> int:
    """Return the number of values below the node, each alias counted as often as it is used."""
    if id(node) in open_nodes:
        raise _error("an alias contains itself", node)
    if id(node) in sizes:
        return sizes[id(node)]
    open_nodes.add(id(node))
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_check_size(child, sizes, open_nodes) for child in children)
    open_nodes.remove(id(node))
    if size > _MOST_VALUES:
        raise _error(f"more than {_MOST_VALUES} values, counting each alias", node)
    sizes[id(node)] = size
    return size


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(_TAG + tag, re.compile(rf"^(?:{pattern})$"), list(first))


_Loader.yaml_implicit_resolvers = {}
_resolve("null", "~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).append((_TAG + "null", re.compile(r"^$")))
_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_resolve("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.")
_resolve("merge", "<<", "<")

for _tag, _construct in {
    "str": _string,
    "null": _null,
    "bool": _boolean,
    "int": _integer,
    "float": _number,
    "seq": _Loader.construct_yaml_seq,
    "map": _Loader.construct_yaml_map,
}.items():
    _Loader.add_constructor(_TAG + _tag, _construct)
_Loader.add_constructor(None, _unsupported)

RESOLVERS: Final = _Loader.yaml_implicit_resolvers
"""Plain texts that are no strings, by their first characters, as PyYAML keeps them: for the writer."""
