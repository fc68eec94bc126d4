"""Runs on screens: a list, one with its course and quality, comparisons, lots, the report."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.support.screens import (
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    until,
)
from tests.support.shown_runs import HOSTILE, IDS, LOT_IN, LOT_OUT, THICKNESS_UM, shown_runs

SHOWN = [("en", "light"), ("ja", "dark")]
TABLET = {"width": 1280, "height": 800}
COMPARED = f"/compare?runs={IDS[1]},{IDS[0]}"
PATHS = (
    "/runs", f"/runs/{IDS[1]}", COMPARED, "/compare", "/runs?list=trials", "/runs?list=lots",
    f"/runs?list=lots&lot={LOT_OUT}", "/runs?list=leads", "/runs/nobody", "/trials/nobody",
)  # fmt: skip
QUIET = """() => !document.querySelector("main .empty[role=status]")"""
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth + document.documentElement.scrollWidth - innerWidth;
}"""
SMALL = """() => [...document.querySelectorAll("main :is(a[href], button, select, input)")]
  .filter((e) => e.type !== "checkbox" && e.getClientRects().length)
  .filter((e) => e.getBoundingClientRect().height < (e.matches(".act") ? 55.5 : 43.5))
  .map((e) => e.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def old_runs(line_screens: ScreensUnderTest) -> Iterator[None]:
    """Three runs of the calender, of long ago."""
    with shown_runs(line_screens.line.run):
        yield


async def shown(page: Page, path: str) -> None:
    """Another screen in the same window, when its answers have come."""
    await page.evaluate(
        """(path) => { history.pushState(null, "", path);
                       dispatchEvent(new PopStateEvent("popstate")); }""",
        path,
    )
    await page.wait_for_timeout(150)
    await until(page, QUIET)


async def test_a_run_that_begins_stands_in_the_list_and_has_its_course(
    hmi: ScreensUnderTest,
) -> None:
    sato = hmi.person("sato")
    hmi.line.reach_idle("enclosure")
    page = await hmi.open("/runs")
    sato.do("enclosure", "START", reason=f"shift begins {HOSTILE}")
    first = page.locator(".run-table tbody tr").first
    await expect(first).to_contain_text("enclosure-")
    await expect(first).to_contain_text("under way")
    await first.locator("th a").click()
    await page.wait_for_selector(".run-course .stretch")
    await expect(page.locator(".facts").first).to_contain_text(f"shift begins {HOSTILE}")
    await expect(page.locator(".run-course .stretch").first).to_have_text("starting")
    await expect(page.locator(".log-table")).to_contain_text("sato")
    await expect(page.locator(".tickmark.commands, .tickmark.recipe").first).to_be_attached()
    hmi.line.reach_idle("enclosure")
    await expect(page.locator(".run-head .state")).to_have_text("aborted")
    assert await page.evaluate("window.__hit") is None
    assert await page.locator("main img").count() == 0


async def test_quality_has_its_interval_as_the_server_gives_it(
    hmi: ScreensUnderTest, old_runs: None
) -> None:
    found = hmi.person("sato").get(f"/runs/{IDS[1]}").json()
    figure, sure = found["summary"]["figures"]["thickness"], found["confidence"]["thickness"]
    assert sure["low"] < THICKNESS_UM[1] < sure["high"]
    page = await hmi.open(f"/runs/{IDS[1]}")
    row = page.locator(".figures tbody tr", has_text="thickness, centre").first
    await expect(row.locator("td").nth(0)).to_have_text(f"{figure['mean']:.2f}")
    low, high = (f"{sure[end]:.3f}" for end in ("low", "high"))
    await expect(row.locator("td").nth(1)).to_have_text(f"{low} … {high}")
    await expect(page.locator(".curves .curve").first).to_be_attached()


async def test_marked_runs_are_compared_on_one_axis(hmi: ScreensUnderTest, old_runs: None) -> None:
    page = await hmi.open("/runs?station=calender")
    for own in IDS[:2]:
        await page.check(f"tr:has-text('{own}') input[type=checkbox]")
    await page.click("a:has-text('Compare 2 runs')")
    await page.wait_for_selector(".figures .verdict")
    server = hmi.person("sato").get("/runs/compare", run=IDS[1], base=IDS[0]).json()
    measure = server["comparison"]["measures"]["thickness"]
    row = page.locator("tr:has(.verdict)", has_text="thickness, centre").first
    await expect(row).to_contain_text(f"+{measure['difference']:.3f}")
    await expect(row.locator(".verdict")).to_contain_text("Higher by")
    await expect(page.locator("main")).to_contain_text("line-load@1.0.0 → calender/line-load@1.1.0")
    await expect(page.locator("table.diff tbody tr").first).to_be_attached()
    await expect(page.locator(".curves").first.locator(".curve")).to_have_count(2)
    await page.click("button:has-text('Metres')")
    await expect(page.locator(".axis-below").first).to_contain_text("web made since START")
    await expect(page.locator(".axis-ticks span").last).to_contain_text(" m")


async def test_three_runs_have_a_band_of_their_base(hmi: ScreensUnderTest, old_runs: None) -> None:
    page = await hmi.open(f"/compare?runs={','.join(IDS)}&base={IDS[1]},{IDS[2]}")
    await page.wait_for_selector(".curves .spread")
    await page.hover(".curves svg[role=img]")
    await expect(page.locator(".curves").first.locator(".reading b")).to_have_count(len(IDS))


async def test_what_cannot_be_shown_says_why(hmi: ScreensUnderTest, old_runs: None) -> None:
    page = await hmi.open("/runs/nobody")
    await expect(page.locator(".asking")).to_contain_text("There is no such thing")
    await shown(page, "/compare")
    await expect(page.locator("main")).to_contain_text("Choose two runs or more")
    await shown(page, "/runs?recipe=no-such-recipe")
    await expect(page.locator("main")).to_contain_text("No runs that fit")
    await shown(page, "/runs?list=lots&lot=unknown")
    await expect(page.locator(".asking")).to_contain_text("no run has this lot")
    hmi.freeze_api()
    await page.wait_for_selector(".head.old")
    hmi.thaw_api()


async def test_a_lot_has_its_line_of_descent_and_its_markup_stays_text(
    hmi: ScreensUnderTest, old_runs: None
) -> None:
    page = await hmi.open("/runs?list=lots")
    await page.click(f"a:has-text({json.dumps(LOT_IN)})")
    await expect(page.locator(".stage.own")).to_contain_text(LOT_IN)
    await expect(page.locator(".genealogy")).to_contain_text(IDS[0])
    await page.click(f".genealogy a:has-text('{LOT_OUT}')")
    await expect(page.locator(".stage.own")).to_contain_text(LOT_OUT)
    await shown(page, f"/runs/{IDS[0]}")
    await expect(page.locator(".log-table")).to_contain_text(f"note {HOSTILE}")
    assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("window.__hit") is None
    assert await breaches(page) == []


async def test_a_lot_is_noted_on_an_open_run_and_found_again(hmi: ScreensUnderTest) -> None:
    lot = f"PWD-7 {HOSTILE}"
    hmi.line.reach_idle("enclosure")
    hmi.person("sato").do("enclosure", "START")
    try:
        page = await hmi.open("/runs")
        first = page.locator(".run-table tbody tr").first
        await expect(first).to_contain_text("under way")
        await first.locator("th a").click()
        form = page.locator(".note-lot")
        note = form.locator("button")
        await expect(note).to_be_disabled()  # without a name there is nothing to note
        await form.locator("input").fill(lot)
        await note.click()
        await expect(page.locator(".proposal")).to_contain_text(lot)
        lots_in = page.locator(".facts div", has_text="Lots in")
        assert lot not in await lots_in.inner_text()  # nothing is shown before it is done
        await page.click(".twostep .execute")
        await expect(page.locator(".twostep strong")).to_have_text("Confirmed")
        await page.click(".twostep button:has-text('Close')")
        await expect(lots_in).to_contain_text(lot)
        await expect(page.locator(".log-table")).to_contain_text("PWD-7")
        assert await accessibility_mistakes(page) == []
        await lots_in.locator("a", has_text="PWD-7").click()
        await expect(page.locator(".stage.own")).to_contain_text(lot)
        await expect(page.locator(".genealogy")).to_contain_text("enclosure-")
        watching = await hmi.open("/runs", "guest")
        await watching.locator(".run-table tbody tr").first.locator("th a").click()
        await expect(watching.locator(".run-head")).to_contain_text(lot)
        assert await watching.locator(".note-lot").count() == 0
        assert await page.evaluate("window.__hit") is None
        assert await page.locator("main img, main script").count() == 0
        assert await breaches(page) == []
    finally:
        hmi.line.reach_idle("enclosure")


async def test_a_report_prints_black_on_white_without_buttons(
    hmi: ScreensUnderTest, old_runs: None
) -> None:
    page = await hmi.open(f"/runs/{IDS[1]}", theme="dark")
    await page.wait_for_selector(".curves .curve")
    await page.wait_for_selector(".figures b")
    await page.wait_for_selector(".log-table tbody tr")
    await page.emulate_media(media="print", color_scheme="dark")
    assert not await page.is_visible(".head")
    assert await page.locator("main button:visible, main select:visible").count() == 0
    ground = await page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    text = await page.evaluate("getComputedStyle(document.querySelector('.figures b')).color")
    assert (ground, text) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
    await expect(page.locator(".log-table tbody tr:last-child")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.querySelector('#app')).overflow") == (
        "visible"
    )
    paper = await page.pdf(format="A4")
    assert paper.startswith(b"%PDF")


async def test_an_engineer_takes_the_bundle_and_its_sum(
    hmi: ScreensUnderTest, old_runs: None
) -> None:
    page = await hmi.open(f"/runs/{IDS[0]}", "mori")
    async with page.expect_download() as waiting:
        await page.click("button:has-text('Take the bundle')")
    download = await waiting.value
    assert download.suggested_filename == f"{IDS[0]}.zip"
    with zipfile.ZipFile(io.BytesIO((await download.path()).read_bytes())) as bundle:
        assert bundle.testzip() is None
        assert "run.json" in " ".join(bundle.namelist())
    assert len(await page.locator(".bundle-sum code").inner_text()) == 64


async def test_who_may_not_take_runs_away_has_no_button(
    hmi: ScreensUnderTest, old_runs: None
) -> None:
    page = await hmi.open(f"/runs/{IDS[0]}", "guest")
    await page.wait_for_selector(".figures tbody tr")
    assert await page.locator("button:has-text('Take the bundle')").count() == 0
    await expect(page.locator("button:has-text('Print report')")).to_have_count(1)


@pytest.mark.parametrize(("language", "theme"), SHOWN)
async def test_the_screens_keep_the_rules_and_fit_on_a_tablet(
    hmi: ScreensUnderTest, old_runs: None, language: str, theme: str
) -> None:
    page = await hmi.open("/runs", language=language, theme=theme, viewport=TABLET)
    mistakes = []
    for path in PATHS:
        await shown(page, path)
        mistakes += [f"{path} {m}" for m in await accessibility_mistakes(page)]
        mistakes += [f"{path} small: {m}" for m in await page.evaluate(SMALL)]
        if await page.evaluate(TOO_WIDE) > 0:
            mistakes.append(f"{path} is wider than the window")
    assert mistakes == []
    words = await page.locator("nav.pages").inner_text()
    assert ("運転記録" in words) == (language == "ja")
    assert await breaches(page) == []
