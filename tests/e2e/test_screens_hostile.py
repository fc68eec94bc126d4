"""Names that are markup stay text, and no page does what its policy forbids."""

import json
from typing import Any

from playwright.async_api import WebSocketRoute

from tests.support.screens import LIVE, ScreensUnderTest, breaches, log_in, until, visit

HOSTILE = '<img src=x onerror="window.__hit=1"><script>window.__hit=1</script>{{7*7}}\'"'
ALARM = {
    "id": "COAT.EVIL.hi", "station": "coater", "tag": f"COAT.{HOSTILE}", "name": "hi", "key": "x",
    "priority": 1, "state": "unacknowledged", "asks": True, "condition": True, "occurrence": 1,
    "raised_ns": 1, "since_ns": 2**60, "value": 1.0, "limit": 0.5, "unit": HOSTILE, "quality": 0,
    "text": HOSTILE, "cause": HOSTILE, "consequence": HOSTILE, "action": HOSTILE, "respond_s": 60,
    "group": HOSTILE, "first": "", "first_out": False, "chattering": False, "burst": 0,
    "stale": False, "relative_to": "",
    "aside": {"actor": HOSTILE, "reason": HOSTILE, "since_ns": 1, "until_ns": None},
}  # fmt: skip


def spoil(message: str) -> str:
    """A frame in which descriptions and alarms are markup."""
    said: dict[str, Any] = json.loads(message)
    if said["op"] == "meta":
        for tag in said["tags"]:
            tag["tx"] = HOSTILE
            tag["u"] = HOSTILE
    if said.get("full"):
        said["a"] = [ALARM, *said.get("a", [])]
        said.setdefault("n", [1, 0, 0, 0])
        said.setdefault("fl", [])
    return json.dumps(said)


def intercept(route: WebSocketRoute) -> None:
    server = route.connect_to_server()
    server.on_message(lambda message: route.send(spoil(str(message))))


async def test_markup_in_names_stays_text(hmi: ScreensUnderTest) -> None:
    page = await hmi.window()
    await page.route_web_socket("**/api/v1/live", intercept)
    await page.goto(hmi.address("/"))
    await log_in(page, "sato")
    await page.wait_for_selector(LIVE)
    for path in ("/", "/station/coater?fp=COAT.V.LINE", "/trends", "/alarms"):
        await visit(page, path)
        await page.wait_for_selector(f".newest:has-text({json.dumps('<img src=x')})")
        assert await page.locator("img, main script").count() == 0
    await page.locator("td.words button").first.click()
    await page.wait_for_selector(".response-words")
    assert await page.evaluate("window.__hit") is None
    assert await page.locator("img, main script").count() == 0
    assert await breaches(page) == []


NONSENSE = (
    "/trends?pens=ENC.DP.ZONE&from=1&to=1e20", "/trends?min=-5&marks=toString", "/station/%E0%A4%A",
    "/alarms?view=constructor", "/alarms?view=journal&hours=x&from=never&kind=valueOf",
    "/energy?span=constructor", "/compare?runs=%25,%00&axis=x&low=1&high=1e999", "/runs/%",
    "/recipes/a/b?tab=toString", "/?fp=__proto__", "/lots/%ff", "/audit?hours=-1",
)  # fmt: skip


async def test_an_address_that_makes_no_sense_breaks_no_screen(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/", "chief")
    hmi.told.clear()
    for path in NONSENSE:
        await visit(page, path)
        assert await page.locator("main [role=alert]:has-text('has failed')").count() == 0, path
        await page.wait_for_selector(LIVE)
    assert hmi.told == []


async def test_a_part_that_fails_takes_nothing_else_with_it(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/")
    await page.route("**/api/v1/alarm-table", lambda route: route.fulfill(json={"alarms": 7}))
    await visit(page, "/alarms?view=table")
    await page.wait_for_selector("main [role=alert]:has-text('has failed')")
    await page.wait_for_selector(LIVE)
    await page.click(".tab >> nth=0")
    await page.wait_for_selector(".station-cards .value[data-q=good]")


async def test_what_a_page_may_do_is_fixed_by_its_policy(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/")
    await page.evaluate(
        """() => {
          const made = document.createElement("script");
          made.textContent = "window.__hit = 1";
          document.body.append(made);
          const frame = document.createElement("iframe");
          frame.src = "/api/v1/session";
          document.body.append(frame);
        }"""
    )
    for told in ("script-src", "frame-src|default-src"):
        await until(page, "(told) => __breaches.some((b) => b.match(`^(${told})`))", told)
    assert await page.evaluate("window.__hit") is None
