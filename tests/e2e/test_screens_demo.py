"""The demo panel: from a fault to its alarm, its trend and the acknowledgement, in a browser."""

import re

import pytest
from playwright.async_api import expect

from tests.support.api_process import Person, eventually
from tests.support.screens import (
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    until,
    visit,
)

FOLLOW = """() => {
  const tag = document.querySelector(".way .alarm-row .tag").textContent.trim();
  const links = [...document.querySelectorAll(".way .buttons a")];
  links.find((a) => a.textContent.includes(tag)).click();
  return tag;
}"""
FAULT = "[data-fault='calender emergency_stop']"
LOOKS = [("en", "light"), ("ja", "dark")]


def active(by: Person) -> set[str]:
    faults = by.get("/simulator").json()["faults"]
    return {f["name"] for f in faults if f["active"] is not None}


async def test_a_newcomer_goes_from_a_fault_to_its_trend_and_acknowledges(
    hmi: ScreensUnderTest,
) -> None:
    page, sato = await hmi.open("/"), hmi.person("sato")
    hmi.line.reach_idle("calender")
    await page.click(".pages a[href='/demo']")
    await expect(page.locator(".way")).to_contain_text("1 times real time")
    await page.click(FAULT)
    await expect(page.locator(FAULT)).to_have_text("Clear")
    eventually(lambda: "emergency_stop" in active(sato))
    await expect(page.locator(".way .alarm-row.asks")).to_be_visible()
    # Graver alarms of the same fault may still come: what is shown is read and followed at once.
    tag = await page.evaluate(FOLLOW)
    await until(page, "(tag) => new URLSearchParams(location.search).get('pens') === tag", tag)
    await page.wait_for_selector(".trend canvas")
    await expect(page.locator(".event-mark").first).to_be_visible()
    await page.locator(".pens-alarms .act").click()
    await expect(page.locator(".pens-alarms")).to_have_count(0)
    await page.click(".pages a[href='/demo']")
    await page.click(FAULT)
    await expect(page.locator(FAULT)).to_have_text("Raise")
    assert "emergency_stop" not in active(sato)
    assert await breaches(page) == []
    hmi.line.reach_idle("calender")


async def test_a_strength_outside_its_range_is_not_taken(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/demo")
    row = page.locator(".fault", has=page.locator("[data-fault='enclosure door_seal_leak']"))
    await row.locator("input").fill("900")
    await expect(row.locator(".act")).to_be_disabled()
    await row.locator("input").fill("7")
    await row.locator(".act").click()
    await expect(row).to_contain_text(re.compile("7 m³/h"))
    await row.locator(".act").click()
    await expect(row.locator(".act")).to_have_text("Raise")


async def test_a_viewer_sees_the_faults_and_raises_none(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/demo", "guest")
    await expect(page.locator(".way")).to_contain_text("operators raise faults")
    assert await page.locator(".fault .act:enabled").count() == 0


async def test_a_real_line_has_no_demo_panel(hmi: ScreensUnderTest) -> None:
    page = await hmi.window()
    none = {"running": False, "faults": [], "plcs": {}}
    await page.route("**/api/v1/simulator", lambda route: route.fulfill(json=none))
    other = await hmi.open("/demo")
    await page.context.add_cookies(await other.context.cookies())  # type: ignore[arg-type]
    await page.goto(hmi.address("/demo"))
    await expect(page.locator("main")).to_contain_text("real plant")
    assert await page.locator(".pages a[href='/demo']").count() == 0


@pytest.mark.parametrize(("language", "theme"), LOOKS)
async def test_the_demo_panel_keeps_the_rules(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.open("/", language=language, theme=theme)
    await visit(page, "/demo")
    await page.wait_for_selector(".fault")
    assert await accessibility_mistakes(page) == []
    if language == "ja":
        await expect(page.locator(FAULT)).to_have_text("起こす")
        await expect(page.locator(".faults").first).to_contain_text("非常停止")
