"""`python -m tests.support.pictures`: every screen in both languages and themes, for eyes.

A line of its own is started and brought to production; the pictures are build output.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page

from tests.support.screens import ScreensUnderTest, screens, visit

SPEED = 5.0
PRODUCTION_S = 900.0
SIZES = {"desk": (1920, 1080), "tablet": (1280, 800)}
SETTLE_MS = 2_500
LOOKS = (("en", "light"), ("en", "dark"), ("ja", "light"), ("ja", "dark"))
PATHS = {
    "overview": "/",
    "coater": "/station/coater",
    "coater-faceplate": "/station/coater?fp=COAT.L12",
    "calender": "/station/calender",
    "enclosure": "/station/enclosure?fp=ENC.L1",
    "alarms": "/alarms",
    "trends": "/trends",
    "gallery": "/gallery",
}


@asynccontextmanager
async def running() -> AsyncIterator[ScreensUnderTest]:
    """A line in production, at a multiple of real time."""
    async with screens(SPEED) as found:
        for station in found.line.config.stations:
            found.line.start(station.name)
        for station in found.line.config.stations:
            found.line.run_until(station.name, state="EXECUTE", within_s=PRODUCTION_S)
        yield found


async def photograph(page: Page, folder: Path, look: str) -> None:
    """Every screen in one window."""
    for name, path in PATHS.items():
        await visit(page, path)
        await page.wait_for_timeout(SETTLE_MS)
        await page.screenshot(path=folder / f"{name}-{look}.png")


async def take(folder: Path) -> None:
    """All pictures into a folder."""
    async with running() as hmi:
        for size, (width, height) in SIZES.items():
            for language, theme in LOOKS:
                viewport = {"width": width, "height": height}
                page = await hmi.open("/", language=language, theme=theme, viewport=viewport)
                await photograph(page, folder, f"{size}-{language}-{theme}")
                await hmi.close_windows()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--output", type=Path, default=Path("bench-out/screens"))
    output = words.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(output))
