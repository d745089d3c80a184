"""Flags of a command, which win over the keys of a suite file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from ...errors import SuiteError
from .suite_values import SuiteModel

_FOR_EVERY_RUN: Final = ("mode", "timeout", "pass_rate", "max_reply", "unscored")
"""Keys of the suite and of a run: as a flag they win over both."""

AnySuite = TypeVar("AnySuite", bound=SuiteModel)


def with_default(suite: AnySuite, key: str, value: object) -> AnySuite:
    """Return the suite with another default of a key: its own value stays."""
    return suite if key in suite.model_fields_set else suite.model_copy(update={key: value})


def with_flags(suite: AnySuite, flags: Mapping[str, Any]) -> AnySuite:
    """Return the suite with the values of flags.

    Raises:
        SuiteError: a value does not fit; names the flag.
    """
    if not flags:
        return suite
    values = suite.model_dump(exclude_unset=True) | dict(flags)
    for key in flags.keys() & _FOR_EVERY_RUN:
        values["runs"] = [{k: v for k, v in run.items() if k != key} for run in values["runs"]]
    try:
        return suite.model_validate(values)
    except ValidationError as fault:
        lines = [
            f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg'].removeprefix('Value error, ')}"
            for each in fault.errors(include_url=False)
        ]
        raise SuiteError("\n".join(lines), hint="`cekura-kit run --help` describes each flag") from None
