"""Pictures of the README, made from a real report of the restaurant example.

    python docs/pictures.py                          # runs the example in the sandbox, writes docs/images/*.png
    python docs/pictures.py reports/demo.json        # makes the pictures of a report that is there
    python docs/pictures.py --comparing              # makes the picture of docs/comparing.md, of its example

Needs playwright (in the development dependencies) and a Chromium on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from cekura_agent_kit import SuiteVerdict
from cekura_agent_kit.report import html

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs/images"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]

PICTURES = {
    "report-light": {"scheme": "light", "width": 1120, "height": 1180},
    "report-dark": {"scheme": "dark", "width": 1120, "height": 1180},
    "report-phone": {"scheme": "light", "width": 360, "height": 1180},
}
SUITE = """name: restaurant
worker: python agent.py dev --no-reload
mode: text
concurrency: 3
agent_timeout: 60s
runs:
  - scenario: 31
    mode: voice
  - scenario: 36
  - {scenario: 30, repeat: 3}
  - scenario: 32
  - scenario: 34
"""
FAILED_BY_RUBRIC = """
36:
  name: Books a table for a birthday
  talk:
    - hear: welcome to luigi's
    - say: A table for two on Friday at seven, please.
      hear: free on friday
    - say: My name is Maria. It is my birthday.
      hear: booked.*see you on friday
    - say: Thank you, goodbye.
      hear: goodbye
  patience: 30s
  verdict:
    rubric:
      - {name: Upsell, passed: false, value: 2, conditions: score gte 4, explanation: The agent offered no birthday menu.}
      - {name: Politeness, passed: true, value: 5, conditions: score gte 4}
    metrics:
      - Expected Outcome
      - {name: Upsell, kind: qualitative, value: 2}
      - {name: Politeness, kind: qualitative, value: 5}
      - {name: Language, kind: enum, value: English, passed: true}
    statements:
      - {outcome: The table is booked in Maria's name., aligned: true}
      - {outcome: The booking is confirmed., aligned: true}
"""
"""Everything that was expected happened, and the project's rubric failed the run all the same."""


def main(report: Path) -> None:
    """Make all pictures of the report."""
    make_pictures(SuiteVerdict.from_json(report.read_bytes(), source=str(report)), PICTURES)


def comparing() -> None:
    """Make the picture of docs/comparing.md."""
    sys.path.insert(0, str(ROOT))
    from tests.report.comparing import example

    make_pictures(example(), {"comparing": {"scheme": "light", "width": 1120, "height": 1000, "part": "#comparison"}})


def make_pictures(verdict: SuiteVerdict, pictures: dict[str, dict[str, Any]]) -> None:
    """Make pictures of a verdict's HTML report, by name."""
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit("There is no Chromium on PATH. Debian, Ubuntu: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "report.html"
        page.write_text(html.render(verdict), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for name, options in pictures.items():
            picture = IMAGES / f"{name}.png"
            make_picture(browser, page.as_uri(), picture, **options)
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")
        browser.close()


def make_report(folder: Path) -> Path:
    """Run the restaurant example, with one more scenario, in the sandbox. Returns the JSON report."""
    example = Path(shutil.copytree(ROOT / "examples/restaurant", folder / "restaurant"))
    (example / "cekura.yaml").write_text(SUITE, encoding="utf-8")
    with (example / "cekura.scenarios.yaml").open("a", encoding="utf-8") as scenarios:
        scenarios.write(FAILED_BY_RUBRIC)
    bin_folder = Path(sys.executable).parent
    subprocess.run(
        [bin_folder / "cekura-kit", "run", "--sandbox", "--json", "report.json"],
        cwd=example,
        env=os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    return example / "report.json"


def make_picture(
    browser: Browser, address: str, picture: Path, *, scheme: str, width: int, height: int, part: str = ""
) -> None:
    """Make one picture of the page at the address, or of the section with the heading ``part``."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    if part:
        page.locator("section", has=page.locator(part)).screenshot(path=picture, animations="disabled", scale="css")
        page.close()
        return
    # No run of a suite that passed is open, and the picture should show a transcript.
    if not page.locator(".run details[open]").count():
        page.locator(".run summary").first.click()
        page.locator(".run .said").first.wait_for()
        page.mouse.move(0, 0)
    page.screenshot(path=picture, animations="disabled", scale="css")
    page.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--comparing"]:
        sys.exit(comparing())
    if len(sys.argv) > 2:
        sys.exit(f"usage: python {sys.argv[0]} [REPORT.json | --comparing]")
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(make_report(Path(scratch)))
