"""What screens show when something between them and the machine stands still, and afterwards."""

import re
import signal
import time
from collections.abc import Callable

from playwright.async_api import Page, Request, WebSocketRoute, expect

from tests.support.screens import LIVE, PATIENCE_MS, ScreensUnderTest, log_in, seen, until, visit

OLD_WITHIN_MS = 2_000  # and for as long as the machine gave the page no time
STILL_S = 2.0  # a picture that stays so long as it is has everything that comes by asking
BOXES = "() => [...document.querySelectorAll('main .panel')].map((e) => e.offsetTop)"
MARKED = """(prefix) => {
  const shown = [...document.querySelectorAll("[data-tag]")]
    .filter((e) => e.dataset.tag.startsWith(prefix) && e.getClientRects().length)
    .map((e) => e.getAttribute("data-q") ?? e.querySelector("[data-q]")?.getAttribute("data-q"));
  return [shown.length, shown.filter((q) => ["stale", "bad"].includes(q)).length];
}"""


async def all_marked(page: Page, prefix: str) -> None:
    """Every value of a station that is shown is marked, at once or within a moment."""
    script = f"(prefix) => {{ const [n, m] = ({MARKED})(prefix); return n > 0 && n === m; }}"
    await page.wait_for_function(script, arg=prefix)


async def still(page: Page, shown: Callable[[], object]) -> None:
    """Wait until something has stayed for a while what it is."""
    last, since_s = shown(), time.monotonic()
    while time.monotonic() < since_s + 2.0 * STILL_S:
        await page.wait_for_timeout(100)
        if shown() != last:
            last, since_s = shown(), time.monotonic()


async def settled(page: Page, script: str) -> object:
    """What a script gives in the page, as soon as it has given the same for a while."""
    found, since_s = await page.evaluate(script), time.monotonic()
    until_s = since_s + PATIENCE_MS / 1000
    while time.monotonic() < since_s + STILL_S:
        assert time.monotonic() < until_s, "the picture does not come to rest"
        await page.wait_for_timeout(100)
        now = await page.evaluate(script)
        if now != found:
            found, since_s = now, time.monotonic()
    return found


async def test_a_frozen_controller_marks_every_value_though_the_server_lives(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/")
    hmi.line.signal_controller(signal.SIGSTOP)
    try:
        await page.wait_for_selector(".banner:has-text('silent')")
        for prefix in ("ENC.", "COAT.", "CAL."):
            await all_marked(page, prefix)
        await expect(page.locator(".lamp.ok")).to_have_count(1)
    finally:
        hmi.line.signal_controller(signal.SIGCONT)
    await expect(page.locator(".lamp.ok")).to_have_count(3)


async def test_a_silent_plc_marks_its_station_only_and_its_alarm_is_acknowledged(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/")
    hmi.line.plc("coater", "pause")
    try:
        row = page.locator(".alarm-row:has-text('COAT.LINK.AGE')")
        await expect(row.first).to_be_visible()
        await all_marked(page, "COAT.V")
        # The machine may have stood still for a moment, and then all of them were old.
        unmarked = f"(prefix) => {{ const [n, m] = ({MARKED})(prefix); return n > 0 && !m; }}"
        await until(page, unmarked, "CAL.")
        await all_marked(page, "COAT.V")
        await expect(page.locator(".tab:has-text('Coater') .symbol")).to_have_count(1)
    finally:
        hmi.line.plc("coater", "resume")
    hmi.line.wait_for(hmi.line.all_links_up, "all links up")
    await visit(page, "/alarms?text=COAT.LINK.AGE")
    await expect(page.locator("tr.alarm").first).to_contain_text("returned, unacknowledged")
    while await page.locator("tr.alarm.asks").count():
        before = await page.locator("tr.alarm").count()
        await page.locator("tr.alarm.asks .act.small").first.click()
        await expect(page.locator("tr.alarm")).to_have_count(before - 1)
    hmi.line.command("coater", "RESET")


async def test_a_restarted_server_is_found_again_without_a_reload(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/station/calender?fp=CAL.L16")
    await page.evaluate("window.__same = true")
    before = await settled(page, BOXES)
    old = await seen(page, "() => document.querySelector('.head.old')")
    hmi.api.kill()
    took_ms, held_up_ms = await old.after_ms(time.time())
    assert took_ms <= OLD_WITHIN_MS + held_up_ms, held_up_ms
    assert await page.evaluate(BOXES) == before
    hmi.api.start()
    await page.wait_for_selector(LIVE)
    await expect(page.locator(".faceplate .value[data-q=good]").first).to_be_visible()
    assert await page.evaluate("window.__same") is True
    assert await settled(page, BOXES) == before


async def test_a_socket_that_stays_silent_is_left_for_another_and_the_trend_is_made_whole(
    hmi: ScreensUnderTest,
) -> None:
    """A server that lost its power says nothing more, not even that it is gone."""
    sockets: list[WebSocketRoute] = []
    asked: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        server, number = socket.connect_to_server(), len(sockets)
        sockets.append(socket)

        def from_server(text: str | bytes) -> None:
            if number or page_hears:
                socket.send(text)

        server.on_message(from_server)

    def note(request: Request) -> None:
        if "/history/buckets" in request.url:
            asked.append(request.url)

    page_hears = True
    page = await hmi.window()
    await page.route_web_socket(re.compile("/api/v1/live"), between)
    page.on("request", note)
    await page.goto(hmi.address("/trends?pens=CAL.V.PV&min=10"))
    await log_in(page, "mori")
    await page.wait_for_selector(LIVE)
    await page.wait_for_selector(".trend canvas")
    await still(page, lambda: len(asked))  # the newest seconds have been asked for once more
    page_hears, before = False, len(asked)
    await page.wait_for_selector(".head.old")
    await page.wait_for_selector(LIVE)
    assert len(sockets) > 1
    until_s = time.monotonic() + PATIENCE_MS / 1000
    while not any("start=-10m" in url for url in asked[before:]):
        assert time.monotonic() < until_s, asked[before:]
        await page.wait_for_timeout(100)


async def test_who_is_logged_in_no_more_is_told_and_sees_nothing(hmi: ScreensUnderTest) -> None:
    hmi.forget("guest")
    page = await hmi.open("/", "guest")
    hmi.forget("guest")
    await page.context.clear_cookies()
    hmi.api.kill()
    hmi.api.start()
    await page.wait_for_selector("input[name=password]")
    assert await page.locator("[data-tag]").count() == 0


async def test_a_screen_that_could_not_be_brought_comes_as_soon_as_it_can(
    hmi: ScreensUnderTest,
) -> None:
    await hmi.open("/", "guest")
    page = await hmi.window(storage_state=hmi.known("guest"))
    await page.route("**/screens/energy.js", lambda route: route.abort())
    await page.goto(hmi.address("/energy"))
    await page.wait_for_selector(LIVE)  # frame and alarms do without it
    await expect(page.locator("main")).to_contain_text("The server does not answer")
    await page.unroute("**/screens/energy.js")
    await expect(page.locator("main .panel").first).to_be_visible()
