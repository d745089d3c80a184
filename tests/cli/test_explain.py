"""`cekura-kit explain`, and the page that is made of the same text."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekura_agent_kit import Kind, KitError, Outcome
from cekura_agent_kit.cli import app
from cekura_agent_kit.report.explanations import explanation_of, words

DOCS = Path(__file__).parents[2] / "docs"


def explain(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("word", [*Kind, *Outcome])
def test_each_kind_and_each_outcome_is_explained(word: str) -> None:
    text = explain(word)
    for label in (f"{word}: ", "  at fault  ", "  billed    ", "  1. "):
        assert label in text, label


def test_without_a_word_all_are_listed() -> None:
    listed = [line.split()[0] for line in explain().splitlines()]
    assert listed == [*Kind, *Outcome]


def test_as_json() -> None:
    found = json.loads(CliRunner().invoke(app, ["explain", "unscored", "--json", "-"]).stdout)
    assert (found["version"], found["word"], found["meaning"]) == (1, "unscored", "nothing was measured")
    assert found["advice"]
    assert found["steps"][0].startswith("attach a metric")
    listed = json.loads(CliRunner().invoke(app, ["explain", "--json", "-"]).stdout)
    assert [each["word"] for each in listed["words"]] == [*Kind, *Outcome]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("agent-missing", "run `cekura-kit explain agent_missing`, or without a word for the list"),
        ("zzz", "run `cekura-kit explain`"),
    ],
)
def test_another_word_is_refused_with_the_nearest_one(word: str, hint: str) -> None:
    result = CliRunner().invoke(app, ["explain", word])
    assert isinstance(result.exception, KitError)
    assert repr(word) in str(result.exception)
    assert result.exception.hint == hint


def test_the_page_is_what_its_command_makes() -> None:
    spec = importlib.util.spec_from_file_location("kinds", DOCS / "kinds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "kinds.md").read_text(encoding="utf-8") == module.page(), "run `python docs/kinds.py docs/kinds.md`"


@pytest.mark.parametrize("word", list(words()))
def test_pages_that_are_named_are_there(word: str) -> None:
    explanation = explanation_of(word)
    assert explanation is not None
    for page in explanation.pages:
        name, _, place = page.partition("#")
        headings = re.findall(r"^#+ (.+)$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE)
        places = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not place or place in places, page
