"""A page of the running line with what it tells of itself."""

from playwright.async_api import CDPSession, Page

from tests.support.first_look import NOTED
from tests.support.screens import LIVE, ScreensUnderTest

SLOWER = 4  # a tablet beside this machine
# The lengths of all tasks over 50 ms, in ms.
LONG = """
window.__long = [];
new PerformanceObserver((list) => {
  for (const e of list.getEntries()) window.__long.push(e.duration);
}).observe({ type: "longtask", buffered: true });
"""


async def page_of(hmi: ScreensUnderTest, path: str) -> Page:
    """A window with an empty cache, in which somebody is logged in already."""
    await hmi.open("/", "guest")
    await hmi.close_windows()
    page = await hmi.window(storage_state=hmi.known("guest"))
    await page.add_init_script(NOTED)
    await page.add_init_script(LONG)
    await page.goto(hmi.address(path))
    await page.wait_for_selector(LIVE)
    return page


async def metrics(session: CDPSession) -> dict[str, float]:
    """What Chromium counts of a page."""
    found = await session.send("Performance.getMetrics")
    return {m["name"]: float(m["value"]) for m in found["metrics"]}
