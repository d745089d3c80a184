"""The HTML report in a real browser: what a person, a keyboard and a screen reader get."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from cekura_agent_kit.report.compare import compared
from cekura_agent_kit.verdict import Kind, Line, SuiteVerdict

from .browser import Open
from .verdicts import FAILED, HOSTILE, PASSED, POOL, hostile, judged, many, mixed, run, suite

# One browser for all, on one core.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]

HEADLINE = "The agent failed 1 of 5 runs, and the test broke in 1: Cekura's evaluator never joined the room."
PLACES = [".kicker strong", ".top .hint", ".card-head a", ".run .title b", ".why", ".side .text", ".metrics dt"]
PLACES += [".metrics dd", ".ids dd >> nth=0", ".said .words", ".said .call b", ".said .call code", ".said .output"]
PLACES += [".said .event", "footer"]


async def shown(page: Page) -> list[str]:
    """The cases in the list, as far as they are to be seen."""
    return await page.locator(".run:visible summary .title code").all_text_contents()


async def test_a_red_build_says_who_broke_where_and_what_was_expected(open_report: Open) -> None:
    opened = await open_report(mixed())
    page = opened.page
    await expect(page.locator("h1")).to_contain_text(HEADLINE)
    agent, test = page.locator(".card").first, page.locator(".card").nth(1)
    await expect(agent).to_contain_text("agent 30#2 Books a table", use_inner_text=True)
    await expect(agent).to_contain_text("The table is booked and confirmed.")
    await expect(agent).to_contain_text('expected to hear "booked"; the agent said "Sorry, we are full tonight."')
    await expect(agent).to_contain_text("0:01.9 agent: Sorry, we are full tonight.")
    await expect(test).to_contain_text("Cekura's evaluator did not join within 60 s of the start")
    await expect(test).to_contain_text("check that Cekura can reach your LiveKit server from outside")
    # All of it on the first screen.
    box = await test.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    assert opened.wrong == []


async def test_the_first_run_that_did_not_pass_is_open_at_its_turning_point(open_report: Open) -> None:
    page = (await open_report(mixed())).page
    body = page.locator(".run details[open]")
    await expect(body).to_have_count(1)
    await expect(body.locator(".point")).to_have_text(re.compile("look here.*Sorry, we are full tonight", re.DOTALL))
    await expect(body.locator("li.tool")).to_contain_text('book_table {"people": 2, "time": "19:00"}')
    await expect(body.locator("li.tool")).to_contain_text("table 4 is reserved")
    await expect(body.locator("li.event")).to_contain_text("handoff from Reception to Goodbye")
    await expect(body.locator(".agent .reply").first).to_have_text("after 0.60 s")
    await expect(body.locator(".side")).to_contain_text("score 40 of 100")
    await expect(body.locator(".side")).to_contain_text("evaluator hung up")
    await expect(body.get_by_role("link", name="Open on Cekura")).to_have_attribute(
        "href", "https://dashboard.cekura.ai/runs/70002"
    )
    await expect(body.locator("figcaption")).to_contain_text("evaluator joined 0:01.4")
    assert await body.locator("svg.replies rect").count() == 2


async def test_filters_by_outcome_mode_and_text(open_report: Open) -> None:
    opened = await open_report(mixed())
    page = opened.page
    outcome = page.get_by_role("group", name="Outcome")
    assert await shown(page) == ["30#2", "31#1", "30#1", "30#3", "32#1"]
    await outcome.get_by_role("button", name="failed").click()
    assert await shown(page) == ["30#2"]
    await expect(page.get_by_role("status")).to_have_text("1 of 5 runs")
    await outcome.get_by_role("button", name="flaky").click()
    assert await shown(page) == ["30#2", "30#1", "30#3"]
    await outcome.get_by_role("button", name="All").click()
    await page.get_by_role("group", name="Mode").get_by_role("button", name="voice").click()
    assert await shown(page) == ["31#1", "32#1"]
    await page.get_by_role("searchbox").fill("CANCELS")
    assert await shown(page) == ["32#1"]
    await page.get_by_role("searchbox").fill("no such words")
    assert await shown(page) == []
    await page.get_by_role("button", name="Show all").click()
    assert len(await shown(page)) == 5
    # Words of the talk itself are found, too.
    await page.get_by_role("searchbox").fill("see you then")
    assert await shown(page) == ["30#1", "30#3", "32#1"]
    assert opened.wrong == []


async def test_by_keyboard_alone(open_report: Open) -> None:
    opened = await open_report(mixed())
    page = opened.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the runs")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="errored").focus()
    await page.keyboard.press("Space")
    await page.get_by_role("searchbox").focus()
    await page.keyboard.type("menu")
    assert await shown(page) == ["31#1"]
    await page.keyboard.press("Escape")
    assert len(await shown(page)) == 5
    await page.keyboard.press("Tab")
    first = page.locator(".run summary").first
    await expect(first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".run details").first).not_to_have_attribute("open", "")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".run summary").nth(1)).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await expect(page.locator(".run details").last).to_have_attribute("open", "")
    await expect(page.locator(".run").last).to_contain_text("re-dispatched once")
    assert opened.wrong == []


async def test_what_a_screen_reader_is_told(open_report: Open) -> None:
    page = (await open_report(mixed())).page
    tree = await page.locator("body").aria_snapshot()
    await expect(page.get_by_role("heading", name=HEADLINE, level=1, exact=True)).to_be_visible()
    assert 'img "3 passed, 1 failed, 1 errored"' in tree
    assert 'img "Time to each reply: turn 1: 0.60 s, turn 2: 0.30 s"' in tree
    assert 'button "Copy room"' in tree
    for role in ("banner", "main", "search", "status"):
        assert re.search(rf"- {role}\b", tree), role
    # The outcome is a word, not only a colour and a sign.
    assert re.search(r'- text: "failed:"\s+- code: 30#2', tree)


async def test_ids_are_copied(open_report: Open) -> None:
    opened = await open_report(mixed(), permissions=["clipboard-read", "clipboard-write"])
    await opened.page.get_by_role("button", name="Copy room").first.click()
    await expect(opened.page.get_by_role("button", name="Copy room").first).to_have_text("copied")
    assert await opened.page.evaluate("navigator.clipboard.readText()") == "cekura-kit-0000000000000002"


async def test_a_link_to_a_run_opens_it(open_report: Open) -> None:
    page = (await open_report(mixed(), fragment="#run-5")).page
    await expect(page.locator("#run-5")).to_have_attribute("open", "")
    await page.get_by_role("group", name="Outcome").get_by_role("button", name="passed").click()
    await page.locator(".card a").first.click()
    await expect(page.locator("#run-1")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_hostile_text_in_every_field_is_text(open_report: Open, width: int, scheme: Any) -> None:
    opened = await open_report(hostile(), width=width, color_scheme=scheme)
    page = opened.page
    for number in (2, 3):
        await page.locator(f"#run-{number} > summary").click()
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("img, iframe, main script, b b").count() == 0
    assert await page.locator("a[href^='javascript'], a[href^='data']").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Each field is there to be read, with what no eye would see made visible.
    readable = "<script>window.hacked=1</script><img src=http://evil.invalid/x onerror=window.hacked=1>"
    text = await page.locator("body").inner_text()
    assert "\\x1b[31m\\x00\\x07\\u202e" in text
    assert not re.search("[\x00-\x08\x1b\u202e]", text)
    for place in PLACES:
        assert readable in (await page.locator(place).first.text_content() or ""), place
    assert "javascript://evil.invalid/%0awindow.hacked=1" in (await page.locator(".ids").first.text_content() or "")
    assert opened.wrong == []


async def test_nothing_is_fetched_even_if_markup_gets_in(open_report: Open) -> None:
    """The page's own policy stands behind the escaping: what is put in by force still loads and runs nothing."""
    callers: list[Any] = []

    def caller(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        writer.close()

    server = await asyncio.start_server(caller, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        page = (await open_report(mixed())).page
        await page.evaluate(
            """(address) => {
                const image = `<img src="${address}" onerror="window.hacked=1">`;
                document.body.insertAdjacentHTML("beforeend", image);
                const script = document.createElement("script");
                script.textContent = "window.hacked = 1";
                document.body.append(script);
            }""",
            address,
        )
        assert (
            await page.evaluate("(address) => fetch(address).then(() => 'sent', () => 'refused')", address) == "refused"
        )
        assert await page.evaluate("window.hacked") is None
        assert callers == []


async def test_500_runs_open_and_filter(open_report: Open) -> None:
    opened = await open_report(many(500))
    page = opened.page
    assert await page.locator(".run").count() == 500
    await expect(page.locator(".cards + p")).to_have_text("and 54 more in the list below")
    # What makes a page slow to open is its elements; each closed run has few until it is opened.
    assert await page.evaluate("document.getElementsByTagName('*').length") < 20_000
    await page.get_by_role("searchbox").fill("number 11. and is there")
    assert len(await shown(page)) == 480
    await page.get_by_role("searchbox").fill("scenario 499")
    assert await shown(page) == ["1499#1"]
    await page.locator(".run:visible summary").click()
    await expect(page.locator(".run:visible .said li")).to_have_count(31)
    await expect(page.locator(".run:visible svg.replies rect")).to_have_count(14)
    assert opened.wrong == []


async def test_hostile_text_stays_text_in_a_large_suite(open_report: Open) -> None:
    lines = [Line(role="agent", text=HOSTILE + "\x1e</script><b>", at=1.0)] * 1100
    opened = await open_report(suite(*(run(n, FAILED, reason=HOSTILE, transcript=lines) for n in (1, 2, 3))))
    page = opened.page
    await page.locator(".run summary").last.click()
    await expect(page.locator(".run .said .words").last).to_contain_text("</script><b>")
    assert await page.locator(".run").last.locator("img, b b").count() == 0
    assert await page.evaluate("window.hacked") is None
    assert opened.wrong == []


async def test_paper_shows_what_did_not_pass(open_report: Open) -> None:
    page = (await open_report(mixed(), color_scheme="dark")).page
    await page.emulate_media(media="print", color_scheme="dark")
    await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    await expect(page.locator("#run-2 .said")).to_be_visible()
    await expect(page.locator(".filters")).to_be_hidden()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    await page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    await expect(page.locator("#run-2")).not_to_have_attribute("open", "")
    assert (await page.pdf()).startswith(b"%PDF")


async def test_without_javascript_every_run_can_be_read(open_report: Open) -> None:
    page = (await open_report(mixed(), java_script_enabled=False)).page
    await page.locator(".run summary").last.click()
    await expect(page.locator(".run").last.locator(".said")).to_contain_text("Booked for two at seven.")
    await expect(page.locator(".filters")).to_be_hidden()


@pytest.mark.parametrize(
    ("verdict", "headline"),
    [
        (suite(), "Nothing ran."),
        (suite(run(1)), "The agent passed the one run."),
        (suite(run(1), run(2)), "The agent passed both runs."),
        (suite(run(1), run(2, FAILED), pass_rates={POOL: 0.5}), "The agent passed 1 of 2 runs; the other is within"),
        (suite(run(1), kind=Kind.API_UNREACHABLE), "The test broke: Cekura or LiveKit could not be reached."),
    ],
)
async def test_headlines(open_report: Open, verdict: Any, headline: str) -> None:
    opened = await open_report(verdict)
    await expect(opened.page.locator("h1")).to_contain_text(headline)
    assert opened.wrong == []


async def test_what_was_measured_is_shown_and_why_comes_first(open_report: Open) -> None:
    opened = await open_report(judged())
    page = opened.page
    card = page.locator(".card").first
    await expect(card).to_contain_text("the agent's check failed: one booking (there are 2)")
    side = page.locator(".run details[open] .side")
    texts = await side.locator(".blame, h3, .text").all_text_contents()
    assert texts[0] == "The agent failed"
    assert texts[2] == "the agent's check failed: one booking (there are 2)"
    assert texts[3].startswith("rubric rule Upsell failed with 2, it requires score gte 4: No dessert")
    # What went well is Cekura's explanation, and never a reason.
    assert not any("✅" in each for each in texts[: texts.index("Cekura's explanation")])
    for heading in ("Rubric", "Metrics", "Expected outcome score 40 of 100", "Agent's checks"):
        await expect(side.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    results = await side.locator(".metrics dt").all_text_contents()
    assert results == [
        "Upsell failed with 2, requires score gte 4",
        "Politeness passed with 4.5, requires score gte 3",
        "Language skipped",
        "Expected Outcome passed",
        "Tone failed with rude",
        "Words a minute 140.5",
        "The table is booked. met",
        "A dessert is offered. not met",
        "The caller is happy. could not be judged",
        "one booking failed",
    ]
    await expect(page.locator(".run details[open] li.tool").nth(1)).to_contain_text("mocked")
    await expect(page.locator(".run details[open] li.tool").nth(2)).to_contain_text("failed")
    assert opened.wrong == []


async def test_a_pool_opens_to_its_runs_in_a_large_compared_report(open_report: Open) -> None:
    """100 pools of five runs, compared with a baseline: search, filters and comparison work on all of them."""

    def report(failing: int) -> SuiteVerdict:
        return suite(
            *(
                run(
                    n,
                    FAILED if scenario == 130 and n <= failing else PASSED,
                    scenario=scenario,
                    scenario_name=f"S {scenario}",
                )
                for scenario in range(101, 201)
                for n in range(1, 6)
            )
        )

    opened = await open_report(compared(report(4), [report(0)]))
    page = opened.page
    assert await page.locator(".run").count() == 500
    comparison = page.locator("section", has=page.get_by_role("heading", name="Comparison"))
    await comparison.get_by_role("button", name="130 S 130").click()
    assert sorted(await shown(page)) == [f"130#{n}" for n in range(1, 6)]
    await expect(page.locator(".shown")).to_have_text("5 of 500 runs")
    await page.get_by_role("button", name="Show the other runs").click()
    await expect(page.locator(".shown")).to_have_text("500 runs")
    await page.locator("section", has=page.get_by_role("heading", name="Repeated runs")).locator("summary").click()
    await page.get_by_role("button", name="177 S 177").click()
    assert sorted(await shown(page)) == [f"177#{n}" for n in range(1, 6)]
    await page.get_by_role("searchbox").fill("177#4")
    assert await shown(page) == ["177#4"]
    assert opened.wrong == []


async def test_pools_and_skipped_runs(open_report: Open) -> None:
    opened = await open_report(judged())
    page = opened.page
    await expect(page.locator(".repeats li")).to_have_count(1)
    await expect(page.locator(".repeats li")).to_contain_text("30 Books a table · gold")
    await expect(page.locator(".repeats li")).to_contain_text("0 of 2 passed")
    await expect(page.locator(".facts")).to_contain_text("2 of 4")
    await page.get_by_role("group", name="Outcome").get_by_role("button", name="skipped").click()
    assert await shown(page) == ["32#1"]
    await expect(page.locator(".run:visible")).to_contain_text("not run, because the outcome was already decided")
    assert opened.wrong == []
