"""Workflows, the action and the component, held against SchemaStore's schemas (vendored by `check-jsonschema`)."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.ci import gitlab

ROOT = Path(__file__).parents[2]


def faults(schema: str, value: Any) -> list[str]:
    """Places and messages of what does not fit."""
    pytest.importorskip("check_jsonschema")
    text = (files("check_jsonschema") / f"builtin_schemas/vendor/{schema}.json").read_text("utf-8")
    loaded = json.loads(text)
    validator = jsonschema.validators.validator_for(loaded)(loaded)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def read(file: Path) -> Any:
    # GitHub reads YAML 1.2, where `on` is a text.
    text = file.read_text().replace("\non:\n", '\n"on":\n')
    return yaml.safe_load(text)


def test_the_template_s_workflow() -> None:
    workflow = read(ROOT / "agent_template/.github/workflows/cekura.yml")
    assert faults("github-workflows", workflow) == []
    del workflow["jobs"]["hosted"]["runs-on"]
    assert faults("github-workflows", workflow) != []


def test_the_action() -> None:
    action = read(ROOT / "action.yml")
    assert faults("github-actions", action) == []
    del action["runs"]["steps"][0]["shell"]
    assert faults("github-actions", action) != []


def test_the_component() -> None:
    header, _ = gitlab.documents()
    jobs = gitlab.jobs({})
    assert faults("gitlab-ci", header) == []
    assert faults("gitlab-ci", jobs) == []
    jobs["cekura"]["artifacts"]["when"] = "now and then"
    assert faults("gitlab-ci", jobs) != []
