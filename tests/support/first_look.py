"""What a browser with an empty cache asks for until a value stands that may be trusted."""

from dataclasses import dataclass

from playwright.async_api import Page

HISTORY = "/history/"  # what follows by itself once the picture is there
# In ms since the page was asked for.
NOTED = """
window.__first = new Promise((there) => {
  const look = () => {
    const good = document.querySelector("[data-tag][data-q=good]");
    if (document.querySelector(".lamps[data-live='1']") && good) there(performance.now());
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
CAME = """async () => {
  const first = await window.__first;
  const came = ["resource", "navigation"].flatMap((kind) => performance.getEntriesByType(kind));
  return [first, came.filter((e) => e.startTime <= first).map((e) => [e.name, e.transferSize])];
}"""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """requests, size_bytes: asked for until then, headers with them, without history."""

    took_ms: float
    requests: int
    size_bytes: int
    history_bytes: int


async def first_look(page: Page) -> FirstLook:
    """Of a page that had NOTED as an initial script."""
    took_ms, came = await page.evaluate(CAME)
    history = [size for name, size in came if HISTORY in name]
    total = sum(size for _, size in came)
    return FirstLook(took_ms, len(came) - len(history), total - sum(history), sum(history))
