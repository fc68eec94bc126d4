"""Trends, tuning, station displays, and the odds and ends of the frame, in a browser."""

import json
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from tests.support.api_process import Person, eventually
from tests.support.screens import (
    LIVE,
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    log_in,
    until,
    visit,
)

SP = "COAT.TROLL3.SP"
LOOP = "ENC.L1"
LOOKS = [("en", "light"), ("ja", "dark")]
each_look = pytest.mark.parametrize(("language", "theme"), LOOKS)


def gains(by: Person) -> dict[str, float]:
    found = by.get(f"/loops/{LOOP}").json()
    return {key: found[key] for key in ("kc", "ti_s", "td_s")}


# -- trends ----------------------------------------------------------------------------------------


async def test_a_command_is_marked_and_one_tap_shows_its_text(hmi: ScreensUnderTest) -> None:
    hmi.person("mori").do("coater", "SET", target=SP, value=31.5)
    hmi.line.wait_for_history()  # the newest mark is else one of a test before
    page = await hmi.open(f"/trends?pens={SP}&min=10&marks=commands")
    mark = page.locator(".event-mark").last
    await expect(mark).to_be_visible()
    await mark.click()
    await expect(page.locator(".mark-told")).to_contain_text(SP)
    await expect(page.locator(".mark-told")).to_contain_text("mori")
    await page.click(".mark-told .close")
    assert await page.locator(".mark-told").count() == 0


async def test_a_time_of_bad_quality_is_a_strip_live_and_in_history(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/trends?pens=ENC.DP.ZONE&min=10")
    await page.wait_for_selector(".trend canvas")
    hmi.line.fault("enclosure", "comm_drop")
    try:
        strip = page.locator(".strip-run.bad").first
        await expect(strip).to_be_visible()
        await page.wait_for_timeout(5_000)  # long enough to be more than one bucket
    finally:
        hmi.line.clear("enclosure", "comm_drop")
    hmi.line.wait_for(hmi.line.all_links_up, "all links up")
    hmi.line.wait_for_history()
    await page.reload()
    strip = page.locator(".strip")
    await expect(strip.locator(".bad").first).to_be_visible()
    await expect(strip.first).to_have_attribute("aria-label", re.compile(r"ENC\.DP\.ZONE: .*bad"))


async def test_pens_and_window_are_in_the_address_and_go_out_as_csv(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/trends?pens=CAL.V.PV&min=60")
    await page.click(".pen-picker button")
    await page.fill(".pen-menu input", "zone frost")
    await page.locator(".pen-list .row", has_text="ENC.DP.ZONE").first.click()
    await until(
        page, "() => new URLSearchParams(location.search).get('pens').includes('ENC.DP.ZONE')"
    )
    await page.keyboard.press("Escape")
    for _ in range(12):
        await page.click("button:has-text('Zoom out')")
    await until(page, "() => location.search.includes('min=43200')")
    other = await hmi.open(page.url.removeprefix(hmi.address("")), "mori")
    await expect(other.locator(".legend .tag")).to_have_text(["CAL.V.PV", "ENC.DP.ZONE"])
    address = await other.locator(".share a").first.get_attribute("href")
    text = await other.evaluate("(address) => fetch(address).then((a) => a.text())", address)
    assert "ENC.DP.ZONE" in text
    assert len(text.splitlines()) > 100


# -- tuning ----------------------------------------------------------------------------------------


async def open_tuning(page: Page) -> None:
    await page.click(".tuning summary")
    await page.wait_for_selector(".gains, .tuning .note")


async def test_an_engineer_tunes_a_loop_in_two_steps(hmi: ScreensUnderTest) -> None:
    mori = hmi.person("mori")
    before = gains(mori)
    page = await hmi.open(f"/station/enclosure?fp={LOOP}", "mori")
    await open_tuning(page)
    new = round(before["kc"] * 0.9, 4)
    await page.fill(".gains input[name=kc]", f"{new:g}")
    await expect(page.locator(".gains .act")).to_be_disabled()
    await page.fill(".gains input[name=why]", "slower is enough")
    await page.click(".gains .act")
    await expect(page.locator(".twostep .proposal")).to_contain_text(f"→ {new:g}")
    assert gains(mori) == before
    await page.click(".twostep .execute")
    await expect(page.locator(".twostep strong")).to_have_text("Confirmed")
    eventually(lambda: gains(mori)["kc"] == pytest.approx(new))
    back = ",".join(str(v) for v in before.values())
    mori.do("enclosure", "TUNE", target=LOOP, value=back, reason="back")


async def test_an_operator_reads_gains_and_cannot_change_them(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"/station/enclosure?fp={LOOP}")
    await open_tuning(page)
    await expect(page.locator(".tuning")).to_contain_text("Engineers change the gains")
    assert await page.locator(".gains").count() == 0
    wish = {"verb": "TUNE", "target": LOOP, "value": "1,60,0", "reason": "let me"}
    answer: httpx.Response = hmi.person("sato").post("/stations/enclosure/changes", wish)
    assert answer.status_code == 403


def _job(state: str, **more: object) -> str:
    usual = {"id": "p1", "state": state, "done_pct": 40, "said": [], "wanted": {}, "by": "mori"}
    return json.dumps({**usual, **more})


def _run(iae: float) -> dict[str, object]:
    change = {"settle_s": 60.0, "overshoot": 0.4, "overshoot_pct": 4.0}
    loop = {
        "loop": LOOP, "unit": "degC", "iae": iae, "mean_error": 0.2, "worst": 1.0,
        "limited_pct": 0.0, "changes": [change],
    }  # fmt: skip
    return {"loops": [loop]}


async def test_a_change_of_gains_is_previewed_beside_the_present_ones(
    hmi: ScreensUnderTest,
) -> None:
    """The browser's part; that the plant answers so is shown where it is rehearsed."""
    asked: list[Any] = []
    course = {"time_s": [0, 60, 120], "pv": [20, 21, 22], "sp": [22, 22, 22], "op": [10, 20, 30]}
    kept = {"loop": LOOP, "kc": 1, "ti_s": 60, "td_s": 0}
    one = {"gains": kept, "course": course}
    record = {
        "went_well": True, "reasons": [], "runs": [_run(3.5)], "against": {"runs": [_run(7.25)]},
        "tuning": {"new": one, "present": one},
    }  # fmt: skip

    async def answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data_json)
            await route.fulfill(status=201, content_type="application/json", body=_job("waiting"))
        else:
            body = _job("done", record=record)
            await route.fulfill(content_type="application/json", body=body)

    page = await hmi.open(f"/station/enclosure?fp={LOOP}", "mori")
    await page.route("**/api/v1/rehearsals**", answer)
    await open_tuning(page)
    await expect(page.locator(".preview .act")).to_be_disabled()
    await page.fill(".gains input[name=kc]", "1.75")
    await page.click(".preview .act")
    rows = page.locator(".tuning-result tbody tr").first
    await expect(rows).to_contain_text("7.25")
    await expect(rows).to_contain_text("3.50")
    assert str(asked[0]["tune"]).startswith(f"{LOOP}=1.75,")
    assert str(asked[0]["present"]).startswith(f"{LOOP}=")
    assert await accessibility_mistakes(page) == []


# -- stations --------------------------------------------------------------------------------------


async def test_a_kind_that_nobody_has_drawn_gets_a_display_from_its_metadata(
    hmi: ScreensUnderTest,
) -> None:
    async def other_kind(route: Route) -> None:
        found = await (await route.fetch()).json()
        for station in found["stations"]:
            if station["name"] == "calender":
                station |= {"kind": "laminator", "title": "Laminator"}
        await route.fulfill(json=found)

    page = await hmi.window()
    await page.route("**/api/v1/meta/stations", other_kind)
    await page.goto(hmi.address("/station/calender"))
    await log_in(page, "sato")
    await page.wait_for_selector(LIVE)
    await expect(page.locator(".lead h2")).to_contain_text("Laminator")
    assert await page.locator(".mimic").count() == 0
    shown = page.locator(".drawing .value-row [data-tag='CAL.THK.C'] b")
    await expect(shown).not_to_have_text("–")
    for part, least in (
        (".keys .indicator", 4),
        (".loops-grid tbody tr", 2),
        (".commands .act", 1),
    ):
        await expect(page.locator(part).nth(least - 1)).to_be_attached()
    assert await accessibility_mistakes(page) == []


async def test_a_station_that_cannot_start_says_why_and_what_to_do(hmi: ScreensUnderTest) -> None:
    hmi.line.reach_idle("calender")  # start conditions are shown where a START may be given
    page = await hmi.open("/station/calender")
    hmi.line.fault("calender", "guard_open")
    try:
        row = page.locator(".interlock", has_text=re.compile("guard", re.IGNORECASE)).first
        await expect(row).to_be_visible()
        await expect(page.locator(".interlocks .remedy").first).to_be_visible()
        assert await accessibility_mistakes(page) == []
    finally:
        hmi.line.clear("calender", "guard_open")
        hmi.line.reach_idle("calender")


# -- the frame -------------------------------------------------------------------------------------


async def test_another_version_of_the_screens_is_offered_and_not_forced(
    hmi: ScreensUnderTest,
) -> None:
    sockets: list[WebSocketRoute] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        number = len(sockets)

        def from_server(text: str | bytes) -> None:
            said = json.loads(text)
            if said["op"] == "hello":
                assert re.fullmatch("[0-9a-f]{16}", said["screens"])
                said["screens"] = f"of socket {number}"
            socket.send(json.dumps(said))

        server.on_message(from_server)
        sockets.append(socket)

    page = await hmi.window()
    await page.route_web_socket(re.compile("/api/v1/live"), between)
    await page.goto(hmi.address(f"/station/coater?fp={SP}"))
    await log_in(page, "mori")
    await page.wait_for_selector(LIVE)
    assert await page.locator(".notice").count() == 0
    await page.evaluate("window.__before = true")
    await sockets[0].close()
    await expect(page.locator(".notice")).to_be_visible()
    assert await page.evaluate("window.__before")
    await page.fill(".entry input", "33")
    await page.click(".entry button")
    await page.wait_for_selector(".twostep .execute")
    await expect(page.locator(".notice")).to_be_disabled()
    await page.click(".twostep .act >> nth=0")
    await page.click(".notice")
    await page.wait_for_selector(LIVE)
    assert not await page.evaluate("window.__before === true")


async def test_the_sound_is_off_until_it_is_asked_for_and_the_choice_is_kept(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/")
    horn = page.locator(".horn")
    await expect(horn).to_have_attribute("aria-pressed", "false")
    await horn.click()
    await expect(horn).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await page.wait_for_selector(LIVE)
    await expect(horn).to_have_attribute("aria-pressed", "true")


async def test_keys_are_listed_and_a_wall_display_has_no_menus(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/")
    await page.keyboard.press("?")
    await expect(page.locator(".key-help")).to_be_visible()
    assert await accessibility_mistakes(page) == []
    await page.keyboard.press("Escape")
    await expect(page.locator(".key-help")).to_have_count(0)
    await visit(page, "/station/coater?kiosk=1")
    assert await page.locator(".pages, .user").count() == 0
    await page.click(".tab >> nth=0")
    assert await page.locator(".pages, .user").count() == 0
    await visit(page, "/?kiosk=0")
    await expect(page.locator(".pages")).to_be_visible()


@each_look
async def test_trends_faceplates_and_stations_keep_the_rules(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    hmi.person("mori").do("coater", "SET", target=SP, value=33.0)  # a mark within ten minutes
    page = await hmi.open("/", "mori", language=language, theme=theme)
    mistakes = []
    await visit(page, f"/trends?pens={SP},ENC.DP.ZONE&min=10&marks=all")
    await page.wait_for_selector(".event-mark")
    await page.locator(".event-mark").last.click()
    await page.click(".pen-picker button")
    mistakes += [f"trends {m}" for m in await accessibility_mistakes(page)]
    await visit(page, f"/station/enclosure?fp={LOOP}")
    await open_tuning(page)
    await page.locator("details.all > summary").first.click()
    await page.wait_for_selector(".interlock-table")
    await page.locator(".interlock-table .act").first.click()
    mistakes += [f"station {m}" for m in await accessibility_mistakes(page)]
    assert mistakes == []
    assert await breaches(page) == []
