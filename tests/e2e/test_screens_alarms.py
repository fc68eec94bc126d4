"""Alarms in a browser: put aside and brought back, the journal, the figures."""

from collections.abc import AsyncIterator
from decimal import ROUND_HALF_UP, Decimal

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.support.screens import (
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    visit,
)

ALARM = "COAT.LINK.AGE.hi"  # the PLC has been silent for 3 s
HOSTILE = "<img src=x onerror=window.__hit=1>{{7*7}}"
SHOWN = [("en", "light"), ("ja", "dark")]
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth;
}"""
TABLET = {"width": 1280, "height": 800}


@pytest_asyncio.fixture(loop_scope="session")
async def silent(hmi: ScreensUnderTest) -> AsyncIterator[ScreensUnderTest]:
    """The PLC of the coater is paused: its alarm stands."""
    hmi.line.plc("coater", "pause")
    yield hmi
    hmi.line.plc("coater", "resume")
    hmi.line.wait_for(hmi.line.all_links_up, "all links up")
    hmi.line.command("coater", "RESET")


def row_of(page: Page, alarm: str = ALARM) -> str:
    return f"tr[data-alarm='{alarm}']"


async def unfold(page: Page) -> None:
    """What may be done to the alarm."""
    more = page.get_by_role("button", name=f"More about {ALARM}", exact=True)
    await more.click()


async def shelve(page: Page, reason: str) -> None:
    await unfold(page)
    await page.click("text=Shelve…")
    await page.select_option(".act-form select", "60")
    await page.fill(".act-form input:not([type=checkbox])", reason)
    await page.click(".act-form .execute")


async def test_an_alarm_is_shelved_listed_in_the_journal_and_brought_back(
    silent: ScreensUnderTest,
) -> None:
    page = await silent.open("/alarms?text=COAT.LINK.AGE")
    await shelve(page, HOSTILE)
    await visit(page, "/alarms?view=shelved")
    row = page.locator(row_of(page))
    await expect(row).to_contain_text("sato")
    await expect(row).to_contain_text(HOSTILE)
    await expect(row).to_contain_text("left")
    assert await page.evaluate("window.__hit") is None
    await visit(page, f"/alarms?view=journal&text={ALARM}&kind=aside&hours=1")
    entry = page.locator(".journal-table tbody tr").first
    await expect(entry).to_contain_text("shelved")
    await expect(entry).to_contain_text(HOSTILE)
    await visit(page, "/alarms?view=shelved")
    await row.get_by_role("button", name="Bring back").click()
    await expect(row).to_have_count(0)
    await expect(page.locator(".empty")).to_have_text("No alarm is shelved.")
    assert await breaches(page) == []


async def test_one_click_leads_from_an_alarm_to_its_display_and_to_its_trend(
    silent: ScreensUnderTest,
) -> None:
    page = await silent.open(f"/alarms?text={ALARM.removesuffix('.hi')}")
    row = page.locator("tr.alarm").first
    await row.get_by_role("link", name="Coater").click()
    await page.wait_for_url("**/station/coater?fp=COAT.LINK.AGE")
    await expect(page.locator(".faceplate")).to_contain_text("COAT.LINK.AGE")
    await page.go_back()
    await row.get_by_role("link", name="Trend").click()
    await page.wait_for_url("**/trends?pens=COAT.LINK.AGE*")


async def test_an_engineer_takes_an_alarm_out_of_service_and_an_operator_may_not(
    silent: ScreensUnderTest,
) -> None:
    page = await silent.open("/alarms?text=COAT.LINK.AGE")
    await unfold(page)
    await expect(page.get_by_role("button", name="Shelve…")).to_be_visible()
    assert await page.get_by_role("button", name="Out of service…").count() == 0
    guest = await silent.open("/alarms?text=COAT.LINK.AGE", "guest")
    await unfold(guest)
    await expect(guest.locator("tr.response")).to_contain_text("You may look at this alarm")
    mori = await silent.open("/alarms?text=COAT.LINK.AGE", "mori")
    await unfold(mori)
    await mori.click("text=Out of service…")
    await mori.fill(".act-form input", "cable is exchanged")
    await mori.click(".act-form .execute")
    await mori.click(".twostep .execute")
    await visit(mori, "/alarms?view=out")
    row = mori.locator(row_of(mori))
    await expect(row).to_contain_text("cable is exchanged")
    await visit(page, "/alarms?view=out")
    await expect(page.locator(row_of(page))).to_contain_text("an engineer brings it back")
    await row.get_by_role("button", name="Back into service…").click()
    await mori.locator("tr.response .act").click()
    await mori.fill(".act-form input", "done")
    await mori.click(".act-form .execute")
    await mori.click(".twostep .execute")
    await expect(row).to_have_count(0)


async def test_figures_are_those_of_the_api_beside_what_is_good(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms?view=kpi&hours=24&operators=2")
    shown = page.locator("[data-kpi='per_hour'] td")
    await expect(shown.nth(1)).to_have_text("up to 6")
    path = "**/api/v1/alarm-kpi*"
    async with page.expect_response(path) as waiting:
        await page.click("text=Refresh")
    told = await (await waiting.value).json()
    asked = {"start": "-24h", "operators": 2}
    asked_anew = hmi.person("sato").get("/alarm-kpi", **asked).json()
    assert asked_anew.keys() == told.keys()
    assert asked_anew["alarms"] >= told["alarms"]  # one may have come since
    await expect(page.locator("[data-kpi='alarms'] td").first).to_have_text(str(told["alarms"]))
    rate = Decimal(str(told["per_operator_hour"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
    await expect(shown.first).to_have_text(str(rate))
    ranks = page.locator(".alarm-ranks .tag")
    for k, row in enumerate(told["top"]):
        await expect(ranks.nth(k)).to_have_text(row["alarm"])


async def test_the_journal_is_downloaded_as_it_is_chosen(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms?view=journal&hours=24&kind=came", "mori")
    async with page.expect_download() as waiting:
        await page.click("text=Download CSV")
    path = await (await waiting.value).path()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("time,")
    assert {line.split(",")[6] for line in lines[1:]} <= {"raise"}
    sato = await hmi.open("/alarms?view=journal")
    below = sato.locator(".alarm-summary .below").first
    await expect(below).to_contain_text("permission to export")


@pytest.mark.parametrize(("language", "theme"), SHOWN)
async def test_every_list_keeps_the_rules_and_fits(
    silent: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await silent.open("/alarms", "mori", language=language, theme=theme, viewport=TABLET)
    mistakes = []
    await page.locator(".alarm-table .act.quiet").first.click()
    mistakes += await accessibility_mistakes(page)
    for view in ("shelved", "suppressed", "out", "journal", "kpi", "table"):
        await visit(page, f"/alarms?view={view}")
        mistakes += [f"{view} {m}" for m in await accessibility_mistakes(page)]
        if await page.evaluate(TOO_WIDE) > 0:
            mistakes.append(f"{view} is wider than the window")
    assert mistakes == []


async def test_a_normal_alarm_is_shelved_before_work_begins(hmi: ScreensUnderTest) -> None:
    alarm = "CAL.TRIP.tripped"
    page = await hmi.open(f"/alarms?view=table&text={alarm}")
    await page.locator(f"tr[data-alarm='{alarm}'] .act.quiet").click()
    await expect(page.locator(".response-words").first).to_contain_text("What to do")
    await page.click("text=Shelve…")
    await page.fill(".act-form input:not([type=checkbox])", "trip is tested")
    await page.click(".act-form .execute")
    await expect(page.locator(f"tr[data-alarm='{alarm}']")).to_contain_text("shelved")
    await page.get_by_role("button", name="Bring back").click()
    await expect(page.locator(f"tr[data-alarm='{alarm}']")).not_to_contain_text("shelved")
