"""Questions of somebody who reads only README and docs: each is answered two clicks away, and no link is dead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "AGENTS.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")

QUESTIONS = {
    "How do I try it without a key?": ("docs/sandbox.md", "without a key and without a cloud"),
    "How do I wrap an agent with WorkerOptions?": ("docs/wrapping.md#every-form", "WorkerOptions(entrypoint_fnc="),
    "Does the wrapper change production?": ("docs/howto.md#production", "no attribute, no task, no patch"),
    "How do I keep a test from charging a card?": ("docs/suite.md#tools", "charge_card"),
    "Who can pretend to be a test?": ("docs/wrapping.md#signed-tests", "CEKURA_KIT_SECRET"),
    "What does text mode do with my avatar?": ("docs/text-mode.md", "avatars"),
    "Which keys has cekura.yaml?": ("docs/suite.md", "`agent_timeout`"),
    "How do I write a scenario for the sandbox?": ("docs/sandbox.md#scenarios", "hear:"),
    "How do I replace the model in a test?": ("docs/sandbox.md#what-the-model-answers", "otherwise:"),
    "How do I test in pytest?": ("docs/rehearsal.md", "async with rehearse("),
    "How do I judge without a key?": ("docs/howto.md#judges-without-a-key", "tool_calls"),
    "How do I run it in GitHub Actions, on a fork?": ("docs/ci.md", "**Forks**"),
    "What does exit code 2 mean?": ("docs/reference.md#exit-codes", "| 2 |"),
    "Why is my passing run errored as unscored?": ("docs/kinds.md", "## unscored"),
    "No agent came: what now?": ("docs/debugging.md", "registered worker"),
    "Where is the worker's log?": ("docs/reports.md", "reports/suite.logs"),
    "Is this branch worse than main?": ("docs/comparing.md", "--baseline"),
    "Does it work behind a proxy?": ("docs/network.md#proxies", "HTTPS_PROXY"),
    "Is my .env.local read?": ("docs/network.md#keys", ".env.local"),
    "My agent is not in Python: what must it do?": ("docs/contract.md", "check-agent"),
    "What changes for me from 0.1?": ("docs/upgrading.md", "unscored"),
    "Rooms were left behind: how do I clean up?": ("docs/debugging.md#something-is-left-behind", "cekura-kit sweep"),
    "Two agents in one repo?": ("docs/howto.md#monorepos", "cekura-kit run agents/billing"),
    "I have an agent: what is the first command?": ("docs/init.md", "cekura-kit init ."),
    "The CI job was killed: where is my report?": ("docs/reports.md#a-suite-whose-command-was-lost", "--result"),
    "How do I repeat only what failed?": ("docs/suite.md#what-did-not-pass-again", "--only-failed"),
    "What does a run call from Python?": ("docs/python.md", "run_suite"),
}


def links_of(page: Path) -> Iterator[str]:
    """Targets of a page's links, relative to the root: ``docs/suite.md#tools``."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in LINK.findall(text):
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        yield f"{file.relative_to(ROOT)}{'#' if place else ''}{place}"


def sections_of(page: Path) -> dict[str, str]:
    """Text of each section by its anchor, up to the next heading of its level. The whole page has none."""
    text = page.read_text(encoding="utf-8")
    found = {"": text}
    for match in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", match[2].lower()).strip().replace(" ", "-")
        following = re.search(rf"^#{{1,{len(match[1])}}} ", text[match.end() :], re.MULTILINE)
        found[anchor] = text[match.start() : match.end() + following.start() if following else None]
    return found


def two_clicks() -> set[str]:
    """Targets that README links to, and those that the pages link to that README links to."""
    first = set(links_of(ROOT / "README.md"))
    pages = {ROOT / target.partition("#")[0] for target in first}
    return first | {target for page in pages if page.suffix == ".md" for target in links_of(page)}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_no_link_is_dead(page: Path) -> None:
    for target in links_of(page):
        path, _, place = target.partition("#")
        assert (ROOT / path).exists(), target
        assert not place or place in sections_of(ROOT / path), target


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_two_clicks_away(question: str) -> None:
    target, words = QUESTIONS[question]
    assert target in two_clicks()
    path, _, place = target.partition("#")
    assert words in sections_of(ROOT / path)[place]


def test_the_index_or_the_readme_has_every_page() -> None:
    indexes = (ROOT / "docs/README.md", ROOT / "README.md")
    listed = {target.partition("#")[0] for page in indexes for target in links_of(page)}
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} - {"docs/README.md"}
    assert pages <= listed
