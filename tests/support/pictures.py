"""`python -m tests.support.pictures`: every screen in both languages and themes, for eyes; and the
pictures of the guides.

A line of its own is started and brought to production. Pictures of screens are build output, those
of the guides lie in docs/pictures.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect

from controller.access.roles import Role
from tests.support.line_under_test import ROOT, STATIONS, LineUnderTest
from tests.support.screens import ScreensUnderTest, screens, visit

SPEED = 5.0
PRODUCTION_S = 900.0
SIZES = {"desk": (1920, 1080), "tablet": (1280, 800)}
GUIDE_SIZE = {"width": 1440, "height": 900}
SETTLE_MS = 2_500
REHEARSED_MS = 180_000
ANSWERED_MS = 60_000
LOOKS = (("en", "light"), ("en", "dark"), ("ja", "light"), ("ja", "dark"))
WEB = ("coater", "calender")
VICTIM, FAULT, RAISED = "coater", "feeder_bridging", "COAT."
RAISED_MS = 120_000
BOSS = "otis"  # sees everything
PATHS = {
    "overview": "/",
    "coater": "/station/coater",
    "coater-faceplate": "/station/coater?fp=COAT.L12",
    "calender": "/station/calender",
    "enclosure": "/station/enclosure?fp=ENC.L1",
    "alarms": "/alarms",
    "alarms-aside": "/alarms?view=aside",
    "alarms-journal": "/alarms?view=journal",
    "alarms-kpi": "/alarms?view=kpi",
    "trends": "/trends?pens=ENC.DP.ZONE,DHU.FAN.SP&min=30",
    "recipes": "/recipes",
    "recipe": "/recipes/enclosure/idle",
    "recipe-changes": "/recipes/enclosure/idle?tab=changes",
    "recipe-rehearsal": "/recipes/enclosure/idle?tab=rehearsal",
    "runs": "/runs",
    "energy": "/energy",
    "audit": "/audit",
    "health": "/health",
    "users": "/users",
    "account": "/account",
    "demo": "/demo",
    "gallery": "/gallery",
}


@asynccontextmanager
async def running() -> AsyncIterator[ScreensUnderTest]:
    """A line in production, faster than real time; coater and calender in their second runs."""
    async with screens(SPEED) as found:
        line = found.line
        found.api.users(**{BOSS: [Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR]})
        produce(line, STATIONS)
        for station in WEB:
            line.do(station, "STOP")
        for station in WEB:
            line.reach_idle(station, within_s=PRODUCTION_S)
        produce(line, WEB)
        line.wait_for_history()
        yield found


def produce(line: LineUnderTest, stations: Sequence[str]) -> None:
    """Started together, for each needs the web of the other."""
    for station in stations:
        line.start(station)
    for station in stations:
        line.run_until(station, state="EXECUTE", within_s=PRODUCTION_S)


async def _runs_of(page: Page) -> list[str]:
    """The newest runs of the calender, newest first."""
    found: list[str] = await page.evaluate(
        """async () => (await (await fetch("/api/v1/runs?station=calender&limit=5")).json())
             .runs.map((r) => r.id ?? r.run)"""
    )
    return found


# -- every screen, for eyes ------------------------------------------------------------------------


async def photograph(page: Page, folder: Path, look: str) -> None:
    """Every screen in one window."""
    newest, before, *_ = await _runs_of(page)
    paths = {
        **PATHS, "run": f"/runs/{newest}", "compare": f"/compare?runs={newest},{before}",
    }  # fmt: skip
    for name, path in paths.items():
        await visit(page, path)
        await page.wait_for_timeout(SETTLE_MS)
        await page.screenshot(path=folder / f"{name}-{look}.png")


async def take(hmi: ScreensUnderTest, folder: Path) -> None:
    """All of them into a folder."""
    for size, (width, height) in SIZES.items():
        for language, theme in LOOKS:
            viewport = {"width": width, "height": height}
            page = await hmi.open("/", BOSS, language=language, theme=theme, viewport=viewport)
            await photograph(page, folder, f"{size}-{language}-{theme}")
            await hmi.close_windows()


# -- those of the guides ---------------------------------------------------------------------------

Scene = Callable[[Page], Awaitable[None]]


async def _set_point(page: Page) -> None:
    await page.fill(".faceplate input[name=value]", "-63")
    await page.click(".faceplate form button[type=submit]")
    await page.wait_for_selector(".twostep .execute")


async def _tuning(page: Page) -> None:
    await page.click(".faceplate .tuning summary")
    gain = page.locator(".gains input[name=kc]")
    await gain.fill(f"{float(await gain.input_value()) * 0.7:.3g}")
    await page.click(".tuning button:has-text('Rehearse')")
    await page.wait_for_selector(".tuning-result", timeout=REHEARSED_MS)
    await page.locator(".tuning").scroll_into_view_if_needed()


async def _rehearsal(page: Page) -> None:
    await page.click("button[type=submit]:has-text('Rehearse')")
    await page.wait_for_selector(".course-panels svg", timeout=REHEARSED_MS)


SCENES: dict[str, tuple[str, Scene | None]] = {
    "overview": ("/", None),
    "coater": ("/station/coater", None),
    "set-point": ("/station/enclosure?fp=ENC.L1", _set_point),
    "trends": ("/trends?pens=ENC.DP.ZONE,DHU.FAN.SP&min=30", None),
    "energy": ("/energy", None),
    "recipes": ("/recipes", None),
    "recipe": ("/recipes/enclosure/idle?tab=changes", None),
    "rehearsal": ("/recipes/enclosure/idle?tab=rehearsal", _rehearsal),
    "tuning": ("/station/enclosure?fp=ENC.L1", _tuning),
    "audit": ("/audit", None),
    "health": ("/health", None),
    "users": ("/users", None),
}
WITH_FAULT: dict[str, tuple[str, Scene | None]] = {
    "demo": ("/demo", None),
    "alarms": ("/alarms", None),
}


async def illustrate(hmi: ScreensUnderTest, folder: Path) -> None:
    """The pictures of the guides, in English and light."""
    page = await hmi.open("/", BOSS, viewport=GUIDE_SIZE)
    newest, before, *_ = await _runs_of(page)
    runs: dict[str, tuple[str, Scene | None]] = {
        "run": (f"/runs/{newest}", None), "compare": (f"/compare?runs={newest},{before}", None),
    }  # fmt: skip
    await _scenes(page, folder, SCENES | runs)
    hmi.line.fault(VICTIM, FAULT)
    await visit(page, "/alarms")
    await page.wait_for_selector(f"tr.alarm[data-alarm^='{RAISED}']", timeout=RAISED_MS)
    await page.wait_for_timeout(4 * SETTLE_MS)
    await _scenes(page, folder, WITH_FAULT)


async def _scenes(page: Page, folder: Path, scenes: dict[str, tuple[str, Scene | None]]) -> None:
    for name, (path, act) in scenes.items():
        await visit(page, path)
        await page.wait_for_timeout(SETTLE_MS)
        if act is not None:
            await act(page)
            await page.wait_for_timeout(SETTLE_MS)
        await expect(page.get_by_text("Asking the server")).to_have_count(0, timeout=ANSWERED_MS)
        await page.screenshot(path=folder / f"{name}.png")


async def main() -> None:
    """All of it, or what the command line asks for."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--output", type=Path, default=Path("bench-out/screens"))
    words.add_argument("--guides", type=Path, default=ROOT / "docs" / "pictures")
    words.add_argument("--only", choices=("screens", "guides"))
    given = words.parse_args()
    async with running() as hmi:
        if given.only != "screens":
            given.guides.mkdir(parents=True, exist_ok=True)
            await illustrate(hmi, given.guides)
            await hmi.close_windows()
        if given.only != "guides":
            given.output.mkdir(parents=True, exist_ok=True)
            await take(hmi, given.output)


if __name__ == "__main__":
    asyncio.run(main())
