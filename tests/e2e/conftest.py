"""One simulated line with its API and one browser for all tests of a worker."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.api_process import eventually
from tests.support.screens import ScreensUnderTest, chromium, screens


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def line_screens() -> AsyncIterator[ScreensUnderTest]:
    """The line; its plant runs at real speed."""
    assert chromium() is not None, "no chromium: python -m tests.support.install"
    async with screens() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def hmi(line_screens: ScreensUnderTest) -> AsyncIterator[ScreensUnderTest]:
    """The same, with no window open and nothing told; what pages told at the end is a failure."""
    line_screens.told.clear()
    # What a test before has silenced, or a machine that stood still, is over when this one begins.
    line_screens.line.wait_for(line_screens.line.all_links_up, "all links up")
    eventually(line_screens.api.heard)
    yield line_screens
    line_screens.thaw_api()
    await line_screens.close_windows()
    assert line_screens.told == []
