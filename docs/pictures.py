"""The pictures of the README, made from a real report.

    make demo                                        # writes reports/demo.json
    python docs/pictures.py reports/demo.json        # writes docs/images/*.png

Needs playwright (in the development dependencies) and a Chromium on PATH.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from cekura_agent_kit.report import html
from cekura_agent_kit.verdict import SuiteVerdict

IMAGES = Path(__file__).parent / "images"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]

PICTURES = {
    "report-light": {"scheme": "light", "width": 1120, "height": 1040},
    "report-dark": {"scheme": "dark", "width": 1120, "height": 1040},
    "report-phone": {"scheme": "light", "width": 360, "height": 1040},
}


def main(report: Path) -> None:
    """Take all pictures of the report."""
    verdict = SuiteVerdict.from_json(report.read_bytes(), source=str(report))
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit("There is no Chromium on PATH. Debian, Ubuntu: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "report.html"
        page.write_text(html.render(verdict), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for name, shape in PICTURES.items():
            picture = IMAGES / f"{name}.png"
            take(browser, page.as_uri(), picture, **shape)
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")
        browser.close()


def take(browser: Browser, address: str, picture: Path, *, scheme: str, width: int, height: int) -> None:
    """One picture of the page at the address."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    # A suite that passed opens no run by itself, and the talk is what is to be seen.
    if not page.locator(".run details[open]").count():
        page.locator(".run summary").first.click()
        page.locator(".run .said").first.wait_for()
        page.mouse.move(0, 0)
    page.screenshot(path=picture, animations="disabled", scale="css")
    page.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} REPORT.json")
    main(Path(sys.argv[1]))
