"""The first suite of an agent that is there, its scenarios, the rules of its model, and its test. As texts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from .agent_parts import Parts, Tool

_GREETING: Final = "Hello, how can I help you?"
_HEARD: Final = "how can I help"
_SUITE: Final = """\
# yaml-language-server: $schema=./cekura.schema.json
name: {name}
worker: {worker}
mode: text
max_runs: 20                              # refuses a plan with more runs, before it costs money
# agent: 812                              # your agent's id on Cekura, if the scenarios have none
"""
_TEST: Final = '''\
"""Tests of the agent in memory: its real entrypoint, no server, no key. A file of rules replaces the language model."""

from pathlib import Path

import pytest

from cekura_agent_kit import Suite

SUITE = Suite.load(Path(__file__).parents[1] / "cekura.yaml")


@pytest.mark.asyncio
@pytest.mark.cekura_scenarios(
    "cekura.scenarios.yaml", entrypoint="{target}", llm="cekura.models.yaml", tools=SUITE.tools
)
async def test_scenario(scenario):
    """Run each scenario of the file as a test. `cekura-kit run --sandbox` uses the same file."""
    await scenario.run()
'''
_CALLED: Final = """

@pytest.mark.asyncio
async def test_{name}(rehearse):
    async with rehearse("{target}", llm="cekura.models.yaml", tools=SUITE.tools) as call:
        turn = await call.say("{phrase}")
        turn.expect.contains_function_call(name="{tool}")
"""


def suite(name: str, worker: str, parts: Parts) -> str:
    """Return the text of `cekura.yaml`.

    Args:
        name: of the suite.
        worker: target of the agent.
        parts: of the agent.
    """
    text = _SUITE.format(name=_scalar(name), worker=_scalar(worker))
    if parts.tools:
        text += "# What the agent's tools do in a test. `run` runs the real one.\ntools:\n"
        for tool in parts.tools:
            behaviour = "run" if tool.hands_over else "{returns: Done.}"
            text += f"  {_scalar(tool.name)}: {behaviour}\n"
        text += '  "*": refuse                             # any other: the model hears that it is not available\n'
    text += "runs:\n"
    numbers = range(1, len(_called(parts)) + 2)
    text += "".join(f"  - scenario: {number}\n" for number in numbers)
    return text.replace(
        "  - scenario: 1\n",
        "  - scenario: 1                           # with --sandbox: ids of cekura.scenarios.yaml; on Cekura: yours\n",
        1,
    )


def scenarios(parts: Parts) -> str:
    """Return the text of `cekura.scenarios.yaml`: one that greets, and one for each tool of the first agent."""
    begin = _begin(parts)
    text = (
        "# What the sandbox's evaluator says and must hear. `hear` is a regular expression, searched in the agent's "
        "words\n# since the evaluator last spoke.\n"
    )
    text += _scenario(1, "Is greeted", begin or [("Hello?", _HEARD)])
    for number, tool in enumerate(_called(parts), start=2):
        heard = "one moment" if tool.hands_over else "that is done"
        text += _scenario(number, f"Has {tool.name} called", [*begin, (_phrase(tool), heard)])
    left = [tool.name for tool in parts.tools if not tool.at_start]
    if left:
        text += "# Without a scenario yet, as the first agent of a call does not have them:\n"
        text += "".join(f"#   {name}\n" for name in left)
    return text


def rules(parts: Parts) -> str:
    """Return the text of `cekura.models.yaml`: the answers that its scenarios need."""
    text = "# Rules that replace the language model in the sandbox. The first rule that matches answers.\nrules:\n"
    # The longest first: "book" is also a part of "book a table".
    for tool in sorted(_called(parts), key=lambda each: len(each.words), reverse=True):
        user = _scalar(re.escape(_phrase(tool).rstrip(".").lower()).replace("\\ ", " "))
        text += f"  - user: {user}\n"
        text += "    say: One moment.\n" if tool.hands_over else ""
        text += f"    call: {_scalar(tool.name)}\n"
        if tool.arguments:
            given = ", ".join(f"{_scalar(name)}: {_flow(value)}" for name, value in tool.arguments.items())
            text += f"    with: {{{given}}}\n"
        if not tool.hands_over:
            text += f"  - tool: {_scalar(tool.name)}\n    say: That is done.\n"
    if parts.greets == "model":
        text += f"  - greeting: true\n    say: {_GREETING}\n"
    elif parts.greets == "no":
        text += f"  - user: hello\n    say: {_GREETING}\n"
    return text + "  - user: goodbye\n    say: Goodbye.\notherwise: I am sorry, I did not understand that.\n"


def test_file(target: str, parts: Parts) -> str:
    """Return the text of `tests/test_cekura.py`."""
    text = _TEST.format(target=target)
    first = next((tool for tool in _called(parts) if not tool.hands_over), None)
    if first is not None:
        name = re.sub(r"\W", "_", first.name)
        text += _CALLED.format(name=name, target=target, phrase=_phrase(first), tool=first.name)
    return text


def _called(parts: Parts) -> Sequence[Tool]:
    return [tool for tool in parts.tools if tool.at_start]


def _begin(parts: Parts) -> list[tuple[str, str]]:
    if parts.greets == "says":
        return [("", re.escape(parts.greeting).replace("\\ ", " "))]
    return [("", _HEARD)] if parts.greets == "model" else []


def _phrase(tool: Tool) -> str:
    return f"Please {tool.words}."


def _scenario(number: int, name: str, steps: Sequence[tuple[str, str]]) -> str:
    text = f"{number}:\n  name: {_scalar(name)}\n  talk:\n"
    for say, hear in steps:
        lines = ([f"say: {_scalar(say)}"] if say else []) + [f"hear: {_scalar(hear)}"]
        text += "    - " + "\n      ".join(lines) + "\n"
    return text + "    - say: Thank you, goodbye.\n"


def _scalar(text: str) -> str:
    """Return a text as YAML: plain where it is safe, else quoted as JSON, which YAML reads."""
    plain = re.fullmatch(r"[A-Za-z][\w ./?',-]*(:[A-Za-z_]\w*)?", text) and not text.endswith(" ")
    reserved = text.lower() in ("true", "false", "null", "yes", "no", "on", "off")
    return text if plain and not reserved else json.dumps(text, ensure_ascii=False)


def _flow(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
