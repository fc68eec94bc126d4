"""The screens in a real browser: how soon they are there, how old is what they show, what it costs.

A line of real processes at real time, Chromium drawing in software on the same processors. A change
is made at the PLC by a client of its own; the page says when it stands in the document and when the
frame after it was drawn. The floor is a bare WebSocket client that waits for the same change.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import websockets
from playwright.async_api import CDPSession, Page

from controller.access.roles import Role
from tests.bench import bench_dense
from tests.bench.browser import SLOWER, metrics, page_of
from tests.bench.machine import cpu_s, resident_mib
from tests.support.first_look import first_look
from tests.support.line_under_test import ROOT
from tests.support.live_crowd import WINDOWS
from tests.support.screens import ScreensUnderTest, screens, visit

LOADS = 5
CHANGES = 40
CROWDS = (1, 20, 50)
STEADY_S = 60.0
SOAK_S = 600.0
TAG, BACK = "COAT.V.LINE.SP", "COAT.V.LINE.SP.RB"
BUSY_PAGE = "/station/coater"
TREND = "/trends?pens=ENC.DP.ZONE,ENC.DP.SUPPLY,DHU.FAN.SP,COAT.V.LINE&min=30"
# A text that follows a tag as every value does; the times at which it changed and was drawn.
FOLLOW = """async (name) => {
  const { cell, watch } = await import("/live.js");
  const { effect } = await import("@preact/signals-core");
  const shown = document.createElement("p");
  document.querySelector("main").append(shown);
  window.__changes = [];
  watch([name]);
  let last = null;
  effect(() => {
    const { value } = cell(name).now.value;
    if (value === last) return;
    last = value;
    shown.textContent = String(value);
    const told = { value, document: Date.now(), drawn: 0 };
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { told.drawn = Date.now(); window.__changes.push(told); };
      port2.postMessage(0);
    });
  });
}"""


def run(soak_s: float = SOAK_S) -> Mapping[str, object]:
    """Milliseconds, per cent of a processor, MiB. soak_s: how long the memory is watched."""
    return asyncio.run(_run(soak_s))


async def _run(soak_s: float) -> Mapping[str, object]:
    async with screens() as hmi:
        for station in hmi.line.config.stations:
            hmi.line.start(station.name)
        hmi.api.users(**{name: [Role.VIEWER] for name in _names(max(CROWDS))})
        found: dict[str, object] = {"load": await _loads(hmi)}
        for windows in CROWDS:
            found[f"{windows} windows"] = await _with_windows(hmi, windows)
        found["steady"] = await _steady(hmi)
        found["150 tags, 4 x 20,000 points"] = await bench_dense.measured(hmi)
        found["soak"] = await _soak(hmi, soak_s)
        return found


async def _loads(hmi: ScreensUnderTest) -> Mapping[str, float]:
    """Of the station with most values, each time in a browser that has nothing of it yet."""
    looks = []
    for _ in range(LOADS):
        looks.append(await first_look(await page_of(hmi, BUSY_PAGE)))
        await hmi.close_windows()
    return {
        "first live value ms": statistics.median(look.took_ms for look in looks),
        "slowest ms": max(look.took_ms for look in looks),
        "requests": statistics.median(look.requests for look in looks),
        "kB": statistics.median(look.size_bytes for look in looks) / 1000.0,
        "kB of history besides": statistics.median(look.history_bytes for look in looks) / 1000.0,
    }


def _names(windows: int) -> list[str]:
    return [f"watcher{k}" for k in range(1 + -(-windows // WINDOWS))]


@asynccontextmanager
async def _crowd(hmi: ScreensUnderTest, windows: int) -> AsyncIterator[None]:
    """So many windows besides, in a process of their own."""
    cookies = [hmi.person(name).cookie for name in _names(windows)]
    command = [sys.executable, "-m", "tests.support.live_crowd", "--windows", str(windows)]
    command += [str(hmi.api.port), "3600", "0", *cookies]
    if not windows:
        yield
        return
    crowd = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    await asyncio.sleep(3.0)
    try:
        yield
    finally:
        crowd.kill()
        await crowd.wait()


async def _with_windows(hmi: ScreensUnderTest, windows: int) -> Mapping[str, object]:
    async with _crowd(hmi, windows - 1):
        page = await page_of(hmi, BUSY_PAGE)
        await page.evaluate(FOLLOW, BACK)
        await asyncio.sleep(2.0)
        assert hmi.api.process is not None
        begun = cpu_s(hmi.api.process.pid), time.monotonic()
        seen = await _changes(hmi, page)
        used = 100.0 * (cpu_s(hmi.api.process.pid) - begun[0]) / (time.monotonic() - begun[1])
        await hmi.close_windows()
    return {**seen, "server % of a processor": used, "server % a window": used / windows}


async def _changes(hmi: ScreensUnderTest, page: Page) -> Mapping[str, object]:
    """From the write at the PLC to the page, and to a bare client; ms."""
    made: list[float] = []
    person = hmi.person("guest")
    uri = person.origin.replace("http", "ws") + "/api/v1/live"
    async with websockets.connect(
        uri, origin=websockets.Origin(person.origin),
        additional_headers={"Cookie": person.cookie}, compression=None,
    ) as live:  # fmt: skip
        await live.send('{"op":"hello","v":1}')
        await live.send(json.dumps({"op": "view", "id": 1, "tags": [BACK], "rate": 10}))
        bare: list[float] = []
        reading = asyncio.create_task(_bare(live, bare))
        for k in range(CHANGES):
            made.append(time.time() * 1000.0)
            await asyncio.to_thread(hmi.line.raw["coater"].write, [(TAG, 0.5 + 0.5 * (k % 2))])
            await asyncio.sleep(1.5 + 0.037 * (k % 10))  # led there at its rate; never in step
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    changes = await page.evaluate("window.__changes")
    return {
        "to document ms": _after(made, [c["document"] for c in changes]),
        "to pixel ms": _after(made, [c["drawn"] for c in changes]),
        "to a bare client ms": _after(made, bare),
    }


async def _bare(live: Any, came: list[float]) -> None:
    async for text in live:
        frame = json.loads(text)
        if frame.get("op") != "f":
            continue
        if frame.get("v"):
            came.append(time.time() * 1000.0)
        await live.send(json.dumps({"ack": frame["s"]}))


def _after(made: Sequence[float], seen: Sequence[float]) -> Mapping[str, float]:
    """Of every change the first sign of it."""
    took = []
    for k, at in enumerate(made):
        end = made[k + 1] if k + 1 < len(made) else float("inf")
        first = min((s for s in seen if at <= s < end), default=None)
        if first is not None:
            took.append(first - at)
    took.sort()
    if not took:
        return {"seen": 0.0}
    return {
        "p50": statistics.median(took),
        "p99": took[min(len(took) - 1, int(0.99 * len(took)))],
        "seen": len(took) / len(made),
    }


async def _steady(hmi: ScreensUnderTest) -> Mapping[str, float]:
    """A station's display, four pens, and the display on a slower processor, half a minute each."""
    page = await page_of(hmi, BUSY_PAGE)
    await page.evaluate("window.__first")
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    shown = await page.evaluate("new Set([...document.querySelectorAll('[data-tag]')]"
                                ".map((e) => e.dataset.tag)).size")  # fmt: skip
    busy, long = [], []
    for path, slower in ((BUSY_PAGE, 1), (TREND, 1), (BUSY_PAGE, SLOWER)):
        await visit(page, path)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        await asyncio.sleep(3.0)  # what a new screen costs once is no steady state
        await page.evaluate("window.__long.length = 0")
        begun = await metrics(session)
        await asyncio.sleep(STEADY_S / 2)
        ended = await metrics(session)
        busy.append(100.0 * (ended["TaskDuration"] - begun["TaskDuration"]) / (STEADY_S / 2))
        if slower == 1:
            long += await page.evaluate("window.__long")
    await hmi.close_windows()
    return {
        "live tags": shown, "station: busy %": busy[0], "trend: busy %": busy[1],
        f"station, processor {SLOWER} x slower: busy %": busy[2],
        "long tasks": float(len(long)), "longest ms": max(long, default=0.0),
    }  # fmt: skip


async def _soak(hmi: ScreensUnderTest, soak_s: float) -> Mapping[str, float]:
    """Memory of one window and of the server, after everything was collected."""
    page = await page_of(hmi, BUSY_PAGE)
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    assert hmi.api.process is not None
    await asyncio.sleep(min(60.0, soak_s))
    heap, server = await _heap_mib(session), resident_mib(hmi.api.process.pid)
    nodes = (await metrics(session))["Nodes"]
    await asyncio.sleep(soak_s)
    found = {
        "seconds": soak_s, "heap MiB": heap, "heap growth MiB": await _heap_mib(session) - heap,
        "more nodes": (await metrics(session))["Nodes"] - nodes,
        "server MiB": server,
        "server growth MiB": resident_mib(hmi.api.process.pid) - server,
    }  # fmt: skip
    await hmi.close_windows()
    return found


async def _heap_mib(session: CDPSession) -> float:
    await session.send("HeapProfiler.collectGarbage")
    return (await metrics(session))["JSHeapUsedSize"] / 2**20
