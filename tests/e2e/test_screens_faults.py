"""What screens show when something between them and the machine stands still, and afterwards."""

import re
import signal

from playwright.async_api import Page, Request, WebSocketRoute, expect

from tests.support.screens import LIVE, ScreensUnderTest, log_in, visit

SILENT_WITHIN_MS = 15_000  # no bar: the machine runs other tests beside
MARKED = """(prefix) => {
  const shown = [...document.querySelectorAll("[data-tag]")]
    .filter((e) => e.dataset.tag.startsWith(prefix) && e.getClientRects().length)
    .map((e) => e.getAttribute("data-q") ?? e.querySelector("[data-q]")?.getAttribute("data-q"));
  return [shown.length, shown.filter((q) => ["stale", "bad"].includes(q)).length];
}"""


async def counted(page: Page, prefix: str) -> tuple[int, int]:
    """Values of a station that are shown, and those that are marked as old or bad."""
    shown, marked = await page.evaluate(MARKED, prefix)
    return int(shown), int(marked)


async def all_marked(page: Page, prefix: str) -> None:
    """Every value of a station that is shown is marked, at once or within a moment."""
    script = f"(prefix) => {{ const [n, m] = ({MARKED})(prefix); return n > 0 && n === m; }}"
    await page.wait_for_function(script, arg=prefix, timeout=SILENT_WITHIN_MS)


async def test_a_frozen_controller_marks_every_value_though_the_server_lives(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/")
    hmi.line.signal_controller(signal.SIGSTOP)
    try:
        await page.wait_for_selector(".banner:has-text('silent')", timeout=SILENT_WITHIN_MS)
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
        assert (await counted(page, "CAL."))[1] == 0
        assert await page.locator(".tab:has-text('Coater') .symbol").count() == 1
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
    await page.wait_for_timeout(2_000)  # what comes by asking is there
    boxes = "() => [...document.querySelectorAll('main .panel')].map((e) => e.offsetTop)"
    before = await page.evaluate(boxes)
    hmi.api.kill()
    await page.wait_for_selector(".head.old", timeout=2_000)
    assert await page.evaluate(boxes) == before
    hmi.api.start()
    await page.wait_for_selector(LIVE)
    await expect(page.locator(".faceplate .value[data-q=good]").first).to_be_visible()
    assert await page.evaluate("window.__same") is True
    assert await page.evaluate(boxes) == before


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
    await page.wait_for_timeout(4_000)  # the newest seconds have been asked for once more
    page_hears, before = False, len(asked)
    await page.wait_for_selector(".head.old", timeout=SILENT_WITHIN_MS)
    await page.wait_for_selector(LIVE, timeout=30_000)
    assert len(sockets) > 1
    await page.wait_for_timeout(8_000)
    assert any("start=-10m" in url for url in asked[before:])


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
