"""A scenario and a pytest test of a replayed conversation, which a person can read and cut down."""

from __future__ import annotations

import json
import os
import pprint
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ReportError
from ..report.sanitize import printable_line
from ..report.transcript_lines import line_text
from ..sandbox.cekura.scenarios import Scenario
from ..verdict import Line
from .play import Played
from .recorded import Recorded


@dataclass(frozen=True)
class Saved:
    """The two files that were written."""

    scenario: Path
    test: Path


def save(
    recorded: Recorded,
    played: Played,
    scenario: Scenario | None,
    *,
    folder: Path,
    agent: str,
    llm: Path | None,
    given: Mapping[str, Any],
) -> Saved:
    """Write the files.

    Args:
        recorded: the run.
        played: the conversation as it was held now. Its tool calls are expected, if the scenario's expectations hold.
        scenario: of the sandbox's file; its expectations are kept where it was played step by step.
        folder: where the files are written.
        agent: absolute path of the agent's file, with ``:name`` or without.
        llm: file of model rules; None for the agent's own model.
        given: what the agent is given.

    Raises:
        ReportError: a file exists, or cannot be written.
    """
    name = f"replay_{recorded.case.replace('#', '_')}"
    saved = Saved(folder / f"{name}.scenarios.yaml", folder / f"test_{name}.py")
    expects_tools = played.exit_code == 0
    followed = scenario if played.followed else None
    texts = {
        saved.scenario: "\n".join(_scenario(recorded, played, followed, expects_tools)) + "\n",
        saved.test: _test(recorded, name, folder, agent, llm, given),
    }
    for file in texts:
        if file.exists():
            raise ReportError(f"{file} exists", hint="delete it, or give another folder with --save")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{folder}: cannot be written ({error.strerror})", hint="give another folder") from None
    return saved


def _scenario(recorded: Recorded, played: Played, scenario: Scenario | None, expects_tools: bool) -> Iterator[str]:
    yield f"# Replay of {recorded.case} of {Path(recorded.source).name}. Cut it down to what matters."
    if not expects_tools:
        yield "# The tool calls were not as expected when this was written, so they are comments."
    yield f"{recorded.scenario}:"
    yield f"  name: {_quoted(recorded.name or f'Replay of {recorded.case}')}"
    yield "  patience: 30s"
    yield "  talk:"
    for step, answer in _steps(played, scenario):
        calls = [line for line in answer if line.role == "tool" and not line.is_error]
        if calls and expects_tools and "call" not in step:
            step |= {"call": [{"tool": each.name, "arguments": each.arguments} for each in calls]}
        for number, (key, value) in enumerate(step.items()):
            yield f"    {' ' if number else '-'} {key}: {_quoted(value)}"
        for line in answer:
            yield f"      # {line.role}: {printable_line(line_text(line))}"


def _steps(played: Played, scenario: Scenario | None) -> Iterator[tuple[dict[str, Any], list[Line]]]:
    """Yield the steps, each with the agent's answer: the scenario's own, or one for each turn."""
    turns = list(_turns(played.lines))
    if scenario is None:
        for words, answer in turns:
            said = {"say": words} if words is not None else {}
            replied = {"hear": "."} if any(line.role == "agent" for line in answer) else {}
            if said or replied:
                yield said | replied, answer
        return
    greeting = turns.pop(0)[1] if turns and turns[0][0] is None else []
    for step in scenario.talk:
        answer = []
        if step.say is not None:
            answer = turns.pop(0)[1] if turns else []
        elif greeting:
            answer, greeting = greeting, []
        yield step.model_dump(mode="json", exclude_unset=True), answer


def _turns(lines: Sequence[Line]) -> Iterator[tuple[str | None, list[Line]]]:
    """Yield the evaluator's words, None at the beginning, each with the agent's words and tool calls after them."""
    words: str | None = None
    answer: list[Line] = []
    for line in lines:
        if line.role == "evaluator":
            if words is not None or answer:
                yield words, answer
            words, answer = line.text, []
        elif line.role in ("agent", "tool"):
            answer.append(line)
    if words is not None or answer:
        yield words, answer


def _test(recorded: Recorded, name: str, folder: Path, agent: str, llm: Path | None, given: Mapping[str, Any]) -> str:
    options: dict[str, Any] = {"entrypoint": os.path.relpath(agent, folder)}
    if llm is not None:
        options["llm"] = os.path.relpath(llm, folder)
    options |= {key: value for key, value in given.items() if value not in (None, {}, False)}
    lines = [f"    {key}={pprint.pformat(value, width=100, sort_dicts=False)}," for key, value in options.items()]
    title = printable_line(recorded.name or f"scenario {recorded.scenario}").replace('"', "'").replace("\\", "/")
    return "\n".join(
        [
            f'"""Replay of {recorded.case}, {title}: written by `cekura-kit replay --save`."""',
            "",
            "import pytest",
            "",
            "",
            "@pytest.mark.asyncio",
            "@pytest.mark.cekura_scenarios(",
            f'    "{name}.scenarios.yaml",',
            *lines,
            ")",
            f"async def test_{name}(scenario):",
            "    await scenario.run()",
            "",
        ]
    )


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
