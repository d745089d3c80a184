"""Prompts of the caller and of the judge: files of this package, each with its version."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..cekura.played_caller import Caller


@dataclass(frozen=True)
class Prompt:
    """A prompt, as its file has it.

    Attributes:
        version: raised whenever the text changes.
        text: a template.
    """

    name: str
    version: int
    text: str


@cache
def prompt(name: str) -> Prompt:
    """Read a prompt: ``caller`` or ``outcome``."""
    text = files(__package__).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    head, _, body = text.partition("\n\n")
    found = re.fullmatch(r"version: (\d+)", head)
    assert found is not None, f"{name}.md begins with its version"
    return Prompt(name, int(found[1]), body.strip())


def versions() -> str:
    """Return the versions of all prompts: ``caller 1, outcome 1``."""
    return ", ".join(f"{name} {prompt(name).version}" for name in ("caller", "outcome"))


def instructions_of(caller: Caller) -> str:
    """Return the instructions of the model that plays a caller."""
    persona = f"Who you are: {caller.persona.strip()}\n" if caller.persona.strip() else ""
    known = "".join(f"- {name}: {_text(value)}\n" for name, value in caller.facts.items())
    facts = f"What you know:\n{known}" if known else ""
    return prompt("caller").text.format(goal=caller.goal.strip(), persona=persona, facts=facts)


def criteria_of(statement: str) -> str:
    """Return the criteria by which a statement of the outcome is judged."""
    return prompt("outcome").text.format(statement=statement.strip())


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
