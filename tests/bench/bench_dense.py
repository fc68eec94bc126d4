"""A page that shows more than any screen does: 150 live values and four pens of 20,000 points.

The product's own elements in the product's page against the running line; only the answers of
history are made here, for a line that has just begun has no 20,000 points. The trends of the
product ask for 600 whatever their window, so this is more than a screen ever draws.
"""

import asyncio
import json
import math
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, Route

from tests.bench.browser import SLOWER, metrics, page_of
from tests.support.screens import ScreensUnderTest

TAGS, PENS, POINTS = 150, 4, 20_000
SPAN_MIN, OTHER_MIN = 2_000 / 60.0, 4_000 / 60.0  # of 10 Hz and of 5 Hz
STEADY_S = 60.0
SPANS = 5
HISTORY = "**/api/v1/history/buckets?*"
SHOW = """async ([tags, pens, points]) => {
  const { html, render } = await import("htm/preact");
  const { Value } = await import("/elements/value.js");
  const { Trend } = await import("/elements/trend.js");
  const place = document.createElement("section");
  place.id = "dense";
  document.querySelector("main").prepend(place);
  window.__show = (minutes) => render(html`<div style=${{ height: "400px", display: "flex" }}>
      <${Trend} pens=${pens} range=${{ minutes }} points=${points} /></div>
    <p>${tags.map((tag) => html`<${Value} tag=${tag} key=${tag} /> `)}</p>`, place);
}"""
# From a span to the frame after the one that has drawn it, without the way of the data; ms.
DRAWN = """(minutes) => new Promise((there) => {
  const get = window.fetch;
  let came = 0;
  window.fetch = async (...of) => {
    const answer = await get(...of);
    if (!String(of[0]?.url ?? of[0]).includes("/history/buckets")) return answer;
    const text = await answer.text();
    came = performance.now();
    return new Response(text, { status: answer.status, headers: answer.headers });
  };
  window.__show(minutes);
  const look = () => {
    const told = document.querySelector("#dense .trend-told");
    const drawn = came && !told && document.querySelector("#dense .trend canvas");
    if (!drawn) return requestAnimationFrame(look);
    window.fetch = get;
    requestAnimationFrame(() => setTimeout(() => there(performance.now() - came)));
  };
  requestAnimationFrame(look);
})"""
MOVED = """() => {
  const shown = [...document.querySelectorAll("#dense > p [data-tag] b")].map((e) => e.textContent);
  const before = window.__before ?? shown;
  window.__before = shown;
  return [shown.length, shown.filter((text) => text !== "–").length,
          shown.filter((text, k) => text !== before[k]).length];
}"""


async def measured(hmi: ScreensUnderTest) -> Mapping[str, float]:
    """ms, per cent of a processor, and how many tasks were longer than 50 ms in a minute."""
    page = await page_of(hmi, "/station/coater")
    await page.evaluate("window.__first")
    names = await _most_alive(page)
    await page.route(HISTORY, _answer)
    await page.evaluate(SHOW, [names, names[:PENS], POINTS])
    first = await page.evaluate(DRAWN, SPAN_MIN)
    spans = []
    for k in range(SPANS):
        spans.append(await page.evaluate(DRAWN, SPAN_MIN if k % 2 else OTHER_MIN))
    found = {"first drawn ms": first, "another span ms, worst": max(spans)}
    found |= await _steady(page, 1)
    found |= {
        f"{SLOWER} x slower: {name}": one for name, one in (await _steady(page, SLOWER)).items()
    }
    await hmi.close_windows()
    return found


async def _most_alive(page: Page) -> list[str]:
    """Names of real values, those first that changed in the last seconds."""
    found = await page.evaluate(
        """async () => {
          const ask = async () => (await (await fetch("/api/v1/tags")).json()).tags;
          const before = new Map((await ask()).map((one) => [one.tag, one.value]));
          await new Promise((later) => { setTimeout(later, 3000); });
          const now = (await ask()).filter((one) => typeof one.value === "number");
          const moved = (one) => Number(one.value !== before.get(one.tag));
          return now.sort((a, b) => moved(b) - moved(a)).map((one) => one.tag);
        }"""
    )
    names: list[str] = found[:TAGS]
    assert len(names) == TAGS, len(names)
    return names


async def _steady(page: Page, slower: int) -> dict[str, float]:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    await asyncio.sleep(3.0)  # what a new picture costs once is no steady state
    await page.evaluate("window.__long.length = 0")
    begun = await metrics(session)
    await page.evaluate(MOVED)
    shown, there, moved = TAGS, 0, 0
    since = time.monotonic()
    while time.monotonic() < since + STEADY_S:
        await asyncio.sleep(1.0)
        shown, there, of_these = await page.evaluate(MOVED)
        moved = max(moved, of_these)
    ended, long = await metrics(session), await page.evaluate("window.__long")
    return {
        "values": shown, "values there": there, "values that moved in a second, most": moved,
        "busy %": 100.0 * (ended["TaskDuration"] - begun["TaskDuration"]) / STEADY_S,
        "long tasks in a minute": len(long), "longest ms": max(long, default=0.0),
    }  # fmt: skip


async def _answer(route: Route) -> None:
    """Noisy waves over the window that was asked for, in as many buckets."""
    asked = parse_qs(urlsplit(route.request.url).query)
    n = int(asked["n"][0])
    start = asked["start"][0]
    lasts_s = (
        float(start.removeprefix("-").removesuffix("m")) * 60.0
        if start[0] == "-"
        else float(n) / 10.0
    )
    stop_ns = time.time_ns()
    start_ns = stop_ns - int(lasts_s * 1e9)
    edges = [start_ns + (stop_ns - start_ns) * k // n for k in range(n + 1)]
    series = []
    for pen, tag in enumerate(asked["tag"]):
        last = [
            round(10.0 * pen + math.sin(0.002 * k + pen) + 0.2 * math.sin(17.0 * k), 3)
            for k in range(n)
        ]
        flat = [0] * n
        series.append({
            "tag": {"name": tag}, "last": last, "min": [v - 0.1 for v in last],
            "max": [v + 0.1 for v in last], "known": [1.0] * n, "bad": flat, "uncertain": flat,
            "count": [1] * n,
        })  # fmt: skip
    answer = {"start_ns": start_ns, "stop_ns": stop_ns, "edges_ns": edges, "series": series}
    await route.fulfill(body=json.dumps(answer), content_type="application/json")
