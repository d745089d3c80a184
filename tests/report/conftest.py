"""A real Chromium, the system's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Request, async_playwright

from cekura_agent_kit.report import html
from cekura_agent_kit.verdict import SuiteVerdict

from .browser import Open, Opened

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


def chromium() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        message = "there is no Chromium on PATH; Debian, Ubuntu: apt-get install -y chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_report(browser: Browser, tmp_path: Path) -> AsyncIterator[Open]:
    """Renders a verdict, writes it, and opens it in a context of its own."""
    contexts: list[BrowserContext] = []

    async def open_it(verdict: SuiteVerdict, *, width: int = 1280, fragment: str = "", **options: Any) -> Opened:
        file = tmp_path / "report.html"
        file.write_text(html.render(verdict), encoding="utf-8")
        address = file.as_uri()
        context = await browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        opened = Opened(await context.new_page())

        def on_request(request: Request) -> None:
            if request.url.partition("#")[0] != address and not request.url.startswith("data:"):
                opened.wrong.append(f"request: {request.url}")

        opened.page.on("console", lambda message: opened.wrong.append(f"console: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.wrong.append(f"error: {error}"))
        opened.page.on("dialog", lambda dialog: opened.wrong.append(f"dialog: {dialog.message}"))
        opened.page.on("request", on_request)
        await opened.page.goto(address + fragment)
        return opened

    yield open_it
    for context in contexts:
        await context.close()
