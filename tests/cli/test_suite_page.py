"""docs/suite.md has every key of the suite file, with its default."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from cekura_agent_kit import Suite
from cekura_agent_kit.trigger.plan.run_entry import RunEntry
from cekura_agent_kit.yaml_files import seconds

PAGE = (Path(__file__).parents[2] / "docs/suite.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """Return each key of the table under the heading, with its default as written."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = re.findall(r"^\| (`.*?) \| (.*?) \| .* \|$", section, re.MULTILINE)
    return {key: default for keys, default in table for key in re.findall(r"`(\w+)`", keys)}


def test_the_page_has_every_key() -> None:
    assert set(rows("Keys of the suite")) == set(Suite.model_fields)
    assert set(rows("Keys of an entry")) == set(RunEntry.model_fields)


def test_the_defaults_are_right() -> None:
    written = rows("Keys of the suite")
    for key in ("runs", "name", "agent_name", "pass_rate"):
        del written[key]
    for key, text in written.items():
        default = Suite.model_fields[key].default
        if isinstance(default, float):
            assert seconds(text.strip("`")) == default, key
        elif isinstance(default, bool):
            assert text.strip("`") == str(default).lower(), key
        else:
            said = str(default).lower() if isinstance(default, bool) else str(default)
            assert text.strip("`") == ("none" if default in (None, {}) else said), key


def test_the_example_can_be_read(tmp_path: Path) -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "cekura.yaml"
    file.write_text(example, encoding="utf-8")
    plan = Suite.load(file).plan()
    assert len(plan) == 6
    assert {run.entry for run in plan} == {"5501 text", "gold customers"}
    assert yaml.safe_load(example)["name"] == Suite.load(file).name
