"""The pages of the repo as a release of this version needs them. `make release-check` also tries the packages."""

from __future__ import annotations

from email.message import Message

import pytest

import cekura_agent_kit
from tests.release import PYTHONS, described, pages


def test_pages_and_template_name_this_version_and_it_is_written_once() -> None:
    assert list(pages()) == []


def test_the_check_names_what_a_next_version_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cekura_agent_kit, "__version__", "7.3.1")
    missing = "\n".join(pages())
    assert "CHANGELOG.md has no section for 7.3.1" in missing
    assert "agent_template/pyproject.toml does not ask for cekura-agent-kit>=7.3" in missing
    assert "docs/ci.md does not name cekura-agent-kit@v7.3" in missing


def test_the_check_names_what_metadata_lacks() -> None:
    metadata = Message()
    metadata["Summary"] = "A kit"
    missing = list(described(metadata, "kit.whl"))
    assert [each for each in missing if "Summary" in each] == []
    assert [each for each in missing if "no classifier for Python" in each] == [
        f"kit.whl has no classifier for Python {python}" for python in PYTHONS
    ]
    assert "kit.whl does not have README.md as its description" in missing
