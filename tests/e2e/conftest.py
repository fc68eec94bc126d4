"""One simulated line with its API and one browser for all tests of a worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.api_process import eventually
from tests.support.screens import ScreensUnderTest, chromium, screens

LONGEST_S = 400.0  # the first test of a worker waits for the line, and a machine for itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here has its time, unless it names its own."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and not item.get_closest_marker(
            "timeout"
        ):
            item.add_marker(pytest.mark.timeout(LONGEST_S))


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
    # What a test before has silenced or broken, or a machine that stood still, is over when this
    # one begins.
    line_screens.thaw_api()
    line_screens.line.settle()
    if not line_screens.api.runs():
        line_screens.api.start()
    eventually(line_screens.api.heard)
    yield line_screens
    line_screens.thaw_api()
    await line_screens.close_windows()
    assert line_screens.told == []
