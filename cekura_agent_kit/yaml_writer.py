"""YAML writer: what it writes, `yaml_loader` reads as the same value."""

from __future__ import annotations

from typing import Any, Final

import yaml

from .yaml_loader import RESOLVERS

_WIDTH: Final = 110
_BREAKS: Final = "\r\x85\u2028\u2029"
"""Line breaks to YAML 1.1, which PyYAML would write as they are, and read as others."""


class Inline(dict[str, Any]):
    """Mapping that is written on one line: ``{day: Friday, people: 2}``."""


class InlineList(list[Any]):
    """List that is written on one line."""


def dump(value: Any) -> str:
    """Return a JSON value as YAML: mappings in their order, texts of several lines as blocks."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


class _Dumper(yaml.SafeDumper):
    """Dumper that quotes what the loader would read as something else than text."""

    # PyYAML's own rules are those of YAML 1.1: `1e3` and `08` would be written plain, and read as numbers.
    yaml_implicit_resolvers = RESOLVERS

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else ">" if len(text) > _WIDTH - 20 and text == " ".join(text.split()) else None
    if any(each in text for each in _BREAKS):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _inline(dumper: _Dumper, value: Inline) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


def _inline_list(dumper: _Dumper, value: InlineList) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Inline, _inline)
_Dumper.add_representer(InlineList, _inline_list)
