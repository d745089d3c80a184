"""YAML files that people write, validated by pydantic. Each error has its file and line."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, RootModel, Strict, ValidationError, WithJsonSchema

from .counting import counted
from .errors import KitError
from .yaml_loader import parse

M = TypeVar("M", bound=BaseModel)

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST: Final = 30 * 24 * 3600.0
"""Seconds: 30 days. Far longer durations do not fit into LiveKit's 32 bits or into a timer."""
_LARGEST: Final = 1_000_000
"""Bytes of a file."""
_MOST_FAULTS: Final = 50
"""Faults of one file that are listed."""
_DURATION: Final = r"^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$"


def seconds(value: object) -> float:
    """Return a duration in seconds: ``"20s"``, ``"5m"``, ``"1h"``, ``"300ms"`` or a number of seconds.

    Raises:
        ValueError: not a duration, not more than zero, or more than 30 days.
    """
    if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
        value = float(match[1]) * _UNITS[match[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise ValueError(f"{_short(value)} is not a duration: write 20s, 5m or 1h")
    return float(value)


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {
            "anyOf": [
                # More than zero. A pattern cannot express the most.
                {"type": "string", "pattern": _DURATION.replace("^", "^(?=[0.]*[1-9])")},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST},
            ],
            "examples": ["20s", "5m", "1h"],
        }
    ),
]
"""Seconds, written as ``20s``, ``5m`` or ``1h`` in files and options."""


def _whole(value: object) -> object:
    # To a schema, 2.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Last of an integer's annotations, after its limits, so that these are in the schema: 2.0 is 2."""
Integer = Annotated[int, Strict(), WHOLE]
"""Integer of a file without limits: not a text, and not true."""


def regular_expression(pattern: str) -> str:
    """Return the pattern if it is a regular expression.

    Raises:
        ValueError: it is not.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def load(path: Path, model: type[M], *, error: type[KitError]) -> M:
    """Read a YAML file into a model.

    Args:
        path: the file.
        model: its content.
        error: class of the errors raised.

    Raises:
        error: the file cannot be read, is not YAML, or does not match the model. The text has one line for each
            problem: ``FILE:LINE: KEY: PROBLEM``.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise error(f"{path}: has {size} bytes", hint=f"give a file of at most {_LARGEST} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(
            f"{path}: there is no such file", hint="give the path of a file, or create one with `cekura-kit init`"
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"{path}: cannot be read ({fault})", hint="give a text file in UTF-8") from None
    try:
        node, value = parse(text)
        as_json = json.dumps(value)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        what = getattr(fault, "problem", None) or str(fault).splitlines()[0]
        raise error(f"{path}{line}: not YAML: {what}", hint="fix the line; indent with spaces") from None
    try:
        # As JSON, and strictly: as a schema sees the file, where "5" is no number and 1 is not true.
        return model.model_validate_json(as_json, strict=True)
    except ValidationError as fault:
        wrong = sorted((_line(node, each["loc"]), _problem(model, each)) for each in fault.errors(include_url=False))
        sentences = dict.fromkeys(f"{path}:{line}: {problem}" for line, problem in wrong[:_MOST_FAULTS])
        more = [f"{path}: and {counted(len(wrong) - _MOST_FAULTS, 'more fault')}"] if len(wrong) > _MOST_FAULTS else []
        raise error(
            "\n".join([*sentences, *more]), hint="`cekura-kit schema` prints what these files can contain"
        ) from None


def problems(fault: ValidationError, model: type[BaseModel]) -> str:
    """Return one line for each problem, ``KEY: PROBLEM``, of a model that is made in Python."""
    return "\n".join(_problem(model, each) for each in fault.errors(include_url=False))


def place(path: Path, *loc: str | int) -> str:
    """Return ``FILE:LINE: KEY: `` for a part of a file that `load` has read.

    For errors that are found only when the whole file is known.
    """
    node, _ = parse(path.read_text(encoding="utf-8"))
    where = ".".join(map(str, loc))
    return f"{path}:{_line(node, loc)}: {where + ': ' if where else ''}"


def _problem(model: type[BaseModel], fault: Any) -> str:
    loc: tuple[str | int, ...] = fault["loc"]
    # pydantic marks a wrong key by a step of its own.
    where = ".".join(str(step) for step in loc if step != "[key]")
    what = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        what = "unknown key"
        if allowed := _fields_at(model, loc[:-1]):
            meant = difflib.get_close_matches(str(loc[-1]), sorted(allowed), 1)
            what += (f"; did you mean {meant[0]}?" if meant else ";") + f" allowed: {', '.join(sorted(allowed))}"
    elif fault["type"] in ("model_type", "dict_type"):
        what = "must be a mapping of keys to values" + ("" if fault["input"] else ", but is empty")
    elif fault["type"] == "missing":
        what = "is required"
    elif fault["type"] not in ("value_error", "too_short"):
        what += f", not {_short(fault['input'])}"
    return f"{where + ': ' if where else ''}{what}"


def _line(node: yaml.Node | None, loc: Sequence[str | int]) -> int:
    """Return the line, from 1, of the deepest node on the way to ``loc``."""
    line = node.start_mark.line if node is not None else 0
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """Return the keys that the model at ``loc`` accepts."""
    if issubclass(model, RootModel):
        inner = _model_in(model.model_fields["root"].annotation)
        return _fields_at(inner, loc[1:]) if inner and loc else set()
    if not loc:
        return {field.alias or name for name, field in model.model_fields.items()}
    field = next((each for name, each in model.model_fields.items() if loc[0] == (each.alias or name)), None)
    inner = _model_in(field.annotation) if field else None
    rest = loc[2:] if len(loc) > 1 and isinstance(loc[1], int) else loc[1:]
    return _fields_at(inner, rest) if inner else set()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
