"""Screens against a running line: live values, old ones, commands to the PLC and back."""

import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.support.api_process import eventually
from tests.support.first_look import NOTED, first_look
from tests.support.screens import (
    LIVE,
    ScreensUnderTest,
    breaches,
    log_in,
    seen,
    text_of,
    until,
    visit,
)

SP, RB = "COAT.TROLL1.SP", "COAT.TROLL1.SP.RB"
MOST_REQUESTS, MOST_BYTES = 25, 120_000  # without history
STALE_AT_MOST_MS = 2_500  # and for as long as the machine gave the page no time
UNMARKED = """() => [...document.querySelectorAll("[data-tag]")].filter((e) => {
  const shown = e.getAttribute("data-q") ?? e.querySelector("[data-q]")?.getAttribute("data-q");
  return e.getClientRects().length && !["stale", "none", "bad"].includes(shown);
}).map((e) => e.outerHTML.slice(0, 160))"""

ALL_MARKED = f"() => document.querySelector('.head.old') && !({UNMARKED})().length"

HIDDEN = """() => {
  const main = document.querySelector("main");
  return [main.scrollHeight - main.clientHeight, main.scrollWidth - main.clientWidth];
}"""
CUT = """() => [...document.querySelectorAll("main .panel, .energy-strip > div")].filter((e) =>
  e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1
).map((e) => e.className || e.textContent)"""
SMALL = """() => [...document.querySelectorAll("main *")].filter((e) =>
  !e.closest("svg") && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) &&
  e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 12
).map((e) => e.textContent)"""


@pytest.mark.parametrize("path", ["/", "/station/coater", "/station/enclosure"])
async def test_a_first_look_needs_few_files(hmi: ScreensUnderTest, path: str) -> None:
    await hmi.open("/")
    page = await hmi.window(storage_state=hmi.known("sato"))
    await page.add_init_script(NOTED)
    await page.goto(hmi.address(path))
    await page.wait_for_selector(LIVE)
    found = await first_look(page)
    assert found.requests <= MOST_REQUESTS
    assert 60_000 < found.size_bytes <= MOST_BYTES


async def test_live_values_move(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/station/calender")
    angle = page.locator("[data-tag='CAL.THK.C'] b").first
    await expect(angle).not_to_have_text("–")
    before = await angle.inner_text()
    await expect(angle).not_to_have_text(before)
    assert await breaches(page) == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1440, 900), (1920, 1080)])
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_the_whole_line_is_seen_without_scrolling(
    hmi: ScreensUnderTest, language: str, width: int, height: int
) -> None:
    size = {"width": width, "height": height}
    page = await hmi.open("/", language=language, viewport=size)
    await expect(page.locator(".energy-strip .value").first).to_be_visible()
    await expect(page.locator(".card .sparkline").first).to_be_visible()
    await until(page, f"() => String(({HIDDEN})()) === '0,0'")  # no value is on its way any more
    assert await page.evaluate(CUT) == []
    assert await page.evaluate(SMALL) == []


@pytest.mark.parametrize("path", ["/", "/station/coater?fp=COAT.L12", "/alarms", "/trends"])
async def test_a_frozen_server_marks_every_value(hmi: ScreensUnderTest, path: str) -> None:
    page = await hmi.open("/")
    await visit(page, path)
    marked = await seen(page, ALL_MARKED)
    hmi.freeze_api()
    took_ms, held_up_ms = await marked.after_ms(time.time())
    assert took_ms <= STALE_AT_MOST_MS + held_up_ms, held_up_ms
    assert await page.evaluate(UNMARKED) == []
    await expect(page.locator(".banner").first).to_have_text(re.compile(r"No connection for \d+ s"))
    hmi.thaw_api()
    await page.wait_for_selector(".lamps[data-live='1']")
    await expect(page.locator(".head.old")).to_have_count(0)


async def test_buttons_are_dead_while_the_picture_is_old(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}")
    await page.fill(".entry input", "40")
    await expect(page.locator(".entry button")).to_be_enabled()
    hmi.freeze_api()
    await page.wait_for_selector(".head.old")
    await expect(page.locator(".entry button")).to_be_disabled()
    hmi.thaw_api()
    await expect(page.locator(".entry button")).to_be_enabled()


async def propose(page: Page, value: str) -> None:
    await page.fill(".entry input", value)
    await page.click(".entry button")
    await page.wait_for_selector(".twostep .execute:enabled")


async def test_a_set_point_goes_to_the_plc_and_back_in_two_steps(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}")
    await propose(page, "26.5")
    assert "→ 26.5 °C" in await text_of(page, ".twostep .proposal")
    assert hmi.line.value("coater", SP) != 26.5
    await page.click(".twostep .execute")
    await expect(page.locator(".twostep strong")).to_have_text("Confirmed")
    await expect(page.locator(".three dd").first).to_have_text("26.5 °C")
    await expect(page.locator(".three dd b")).to_have_text(["26.5", "26.5"])
    assert hmi.line.value("coater", SP) == 26.5
    eventually(lambda: hmi.line.value("coater", RB) == 26.5)


async def test_enter_proposes_and_does_not_execute(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}")
    before = hmi.line.value("coater", SP)
    await page.fill(".entry input", "51")
    await page.press(".entry input", "Enter")
    await page.wait_for_selector(".twostep .execute")
    await page.keyboard.press("Enter")
    await page.wait_for_timeout(500)
    assert hmi.line.value("coater", SP) == before
    await page.focus(".twostep .execute")
    await page.keyboard.press("Escape")
    await page.wait_for_selector(".entry input")


async def test_a_click_while_the_server_is_frozen_is_never_carried_out(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}")
    before = hmi.line.value("coater", SP)
    await propose(page, "61")
    hmi.freeze_api()
    await page.evaluate("document.querySelector('.twostep .execute').click()")
    await page.wait_for_timeout(3_000)
    hmi.thaw_api()
    await page.wait_for_selector(".lamps[data-live='1']")
    await expect(page.locator(".twostep.refused")).to_contain_text("NOT CONFIRMED")
    await page.wait_for_timeout(1_000)
    assert hmi.line.value("coater", SP) == before


async def test_a_change_by_somebody_else_is_told(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}")
    mori = hmi.person("mori")
    await propose(page, "27")
    mori.do("coater", "SET", target=SP, value=28.0)
    await page.click(".twostep .execute")
    await expect(page.locator(".twostep.refused")).to_contain_text("Somebody else changed it")
    await expect(page.locator(".twostep.refused li").first).to_contain_text("mori")
    assert hmi.line.value("coater", SP) == 28.0


async def test_a_viewer_sees_but_has_no_buttons(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/coater?fp={SP}", "guest")
    await expect(page.locator(".faceplate")).to_contain_text("You may look at this")
    assert await page.locator(".commands .act").count() == 0
    assert await page.locator(".entry").count() == 0


async def test_logging_out_ends_the_window(hmi: ScreensUnderTest) -> None:
    hmi.forget("guest")
    page = await hmi.open("/", "guest")
    hmi.forget("guest")
    await page.click(".user-button")
    await page.click(".menu .act:not(.quiet)")
    await page.wait_for_selector("input[name=password]")
    assert await page.locator("[data-tag]").count() == 0


async def test_a_wrong_password_is_told_in_words(hmi: ScreensUnderTest) -> None:
    page = await hmi.window(language="ja")
    await page.goto(hmi.address("/"))
    await page.fill("input[name=name]", "sato")
    await page.fill("input[name=password]", "wrong")
    await page.click("button[type=submit]")
    await expect(page.locator(".told")).to_contain_text("名前またはパスワードが違います")
    await log_in(page, "guest")
    await page.wait_for_selector(".lamps[data-live='1']")
    assert await page.get_attribute("html", "lang") == "ja"
