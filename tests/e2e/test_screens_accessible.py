"""Each screen, in several of its states, by the rules of WCAG 2.2 A and AA."""

import pytest

from tests.support.screens import ScreensUnderTest, accessibility_mistakes, breaches, visit

SHOWN = [("en", "light"), ("ja", "dark")]
each_look = pytest.mark.parametrize(("language", "theme"), SHOWN)
PATHS = (
    "/", "/station/coater", "/station/calender?fp=CAL.L16", "/station/enclosure?fp=ENC.H2S",
    "/alarms", "/alarms?view=suppressed", "/trends", "/gallery", "/nowhere",
)  # fmt: skip
TABLET = {"width": 1280, "height": 800}
SMALL = """(wanted) => [...document.querySelectorAll(wanted.of)]
  .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([, r]) => r.height && r.height < wanted.px - 0.5)
  .map(([t, r]) => `${r.height} ${t}`)"""
ACTING = {"of": "button.act, .close", "px": 56}
LEADING = {"of": "a[href], button, select, input:not([type=checkbox])", "px": 44}
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth + document.documentElement.scrollWidth - innerWidth;
}"""


@each_look
async def test_screens_keep_the_rules_and_fit_on_a_tablet(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.open("/", language=language, theme=theme, viewport=TABLET)
    mistakes = []
    for path in PATHS:
        await visit(page, path)
        mistakes += [f"{path} {m}" for m in await accessibility_mistakes(page)]
        mistakes += [f"{path} acts: {m}" for m in await page.evaluate(SMALL, ACTING)]
        mistakes += [f"{path} leads: {m}" for m in await page.evaluate(SMALL, LEADING)]
        if await page.evaluate(TOO_WIDE) > 0:
            mistakes.append(f"{path} is wider than the window")
    assert mistakes == []
    assert await breaches(page) == []


@each_look
async def test_a_proposal_a_response_and_an_old_picture_keep_the_rules(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.open("/station/coater?fp=COAT.TROLL2.SP", language=language, theme=theme)
    await page.fill(".entry input", "900")
    await page.click(".entry button")
    await page.wait_for_selector(".hint")
    assert await accessibility_mistakes(page) == []
    await page.fill(".entry input", "44")
    await page.click(".entry button")
    await page.wait_for_selector(".twostep .execute")
    assert await accessibility_mistakes(page) == []
    await page.click(".user-button")
    assert await accessibility_mistakes(page) == []
    hmi.freeze_api()
    await page.wait_for_selector(".head.old")
    assert await accessibility_mistakes(page) == []
    hmi.thaw_api()


@each_look
async def test_the_form_before_logging_in_keeps_the_rules(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.window(language=language, theme=theme)
    await page.goto(hmi.address("/"))
    await page.wait_for_selector("input[name=password]")
    assert await accessibility_mistakes(page) == []


async def test_the_trend_as_a_table_keeps_the_rules(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/trends?min=10")
    await page.click("button:has-text('Table')")
    await page.wait_for_selector(".trend table")
    assert await accessibility_mistakes(page) == []


async def test_stations_and_pages_are_reached_by_keyboard(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/")
    await page.keyboard.press("3")
    await page.wait_for_url("**/station/calender")
    await page.keyboard.press("a")
    await page.wait_for_url("**/alarms")
    await page.keyboard.press("1")
    await page.wait_for_url(hmi.address("/"))
