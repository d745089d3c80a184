"""docs/comparing.md shows what the reports show."""

from __future__ import annotations

from tests.report.comparing import PAGE, markdown_lines, terminal_lines


def test_the_page_shows_the_terminal_and_the_markdown_report() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"```text\n{terminal_lines()}\n```" in page
    assert f"\n{markdown_lines()}\n" in page
