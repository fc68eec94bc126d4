"""Screens in a real browser against a line of real processes."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright, expect

from controller.access.roles import Role
from tests.support.api_process import PASSWORD, TOO_MANY, ApiUnderTest, Person, eventually
from tests.support.line_under_test import PATIENT_S, ROOT, LineUnderTest
from tests.support.vendored_axe import axe_script

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
START_S = 180.0  # what fails once is not tried again: all tests of a worker fail with it
AWAKE_S = 200.0  # less than the five minutes after which a session may only look
SIZE = {"width": 1600, "height": 1000}
PATIENCE_MS = 45_000  # of a machine that does other things, too; no bar
PEOPLE: dict[str, Sequence[Role]] = {
    "sato": [Role.OPERATOR],
    "mori": [Role.ENGINEER],
    "chief": [Role.ADMINISTRATOR],
    "amara": [Role.ADMINISTRATOR],
    "tanaka": [Role.APPROVER],
    "abe": [Role.APPROVER],
    "kato": [Role.ENGINEER, Role.APPROVER],
    "ueda": [Role.ENGINEER],
    "guest": [Role.VIEWER],
}
LIVE = ".lamps[data-live='1']"
# What a page tells of breaches of its Content-Security-Policy, kept where tests can read it.
_WATCH = """
window.__breaches = [];
addEventListener("securitypolicyviolation", (e) =>
  window.__breaches.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
# Looks every 20 ms whether something is so; gives when it was, and by how much a look was late.
_SEEN = """(patience_ms) => new Promise((told) => {
  const test = %s, begun = Date.now();
  let last = begun, late = 0;
  const timer = setInterval(() => {
    const now = Date.now();
    late = Math.max(late, now - last - 20);
    last = now;
    const found = test();
    if (!found && now - begun < patience_ms) return;
    clearInterval(timer);
    told([found ? now : null, late]);
  }, 20);
  window.__looking = true;
})"""


def chromium() -> str | None:
    """The browser of this machine; None when there is none."""
    return os.environ.get("DRYLINE_CHROMIUM") or shutil.which("chromium")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield found
        finally:
            await found.close()


class ScreensUnderTest:
    """A line with its API, and people with windows onto it."""

    def __init__(self, line: LineUnderTest, api: ApiUnderTest, browser: Browser) -> None:
        self.line, self.api, self._browser = line, api, browser
        self.told: list[str] = []
        self._contexts: list[BrowserContext] = []
        # Cookies of people who have logged in, and until when they may act without their password.
        self._known: dict[str, tuple[float, Any]] = {}
        self._people: dict[str, tuple[float, Person]] = {}

    def address(self, path: str = "/") -> str:
        """Where a screen is."""
        return f"http://127.0.0.1:{self.api.port}{path}"

    async def window(self, *, language: str = "en", theme: str = "light", **more: Any) -> Page:
        """An empty window of its own, with what it tells kept in `told`."""
        context = await self._browser.new_context(
            locale="ja-JP" if language == "ja" else "en-GB", timezone_id="Asia/Tokyo",
            color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
            viewport=more.pop("viewport", SIZE), **more,
        )  # fmt: skip
        self._contexts.append(context)
        await context.add_init_script(_WATCH)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.told.append(f"error {error}"))
        return page

    async def open(self, path: str = "/", user: str = "sato", **more: Any) -> Page:
        """A window in which somebody is logged in and sees a screen, alive."""
        known = self._known.get(user, (0.0, None))[0] > time.monotonic()
        if known:
            more["storage_state"] = self._known[user][1]
        page = await self.window(**more)
        await page.goto(self.address(path))
        if not known:
            await log_in(page, user)
        await page.wait_for_selector(LIVE)
        if not known:
            state = await page.context.storage_state()
            kept = {"cookies": state["cookies"], "origins": []}
            self._known[user] = time.monotonic() + AWAKE_S, kept
        return page

    def known(self, user: str) -> Any:
        """What the browser of somebody who has logged in keeps."""
        return self._known[user][1]

    def person(self, name: str) -> Person:
        """Somebody at the API, who does not log in for every question."""
        until_s, person = self._people.get(name, (0.0, None))
        if person is None or until_s < time.monotonic():
            person = self.api.person(name)
            self._people[name] = time.monotonic() + AWAKE_S, person
        return person

    def forget(self, user: str) -> None:
        """Who logs in anew next time."""
        self._known.pop(user, None)

    async def close_windows(self) -> None:
        """All of them."""
        for context in self._contexts:
            await context.close()
        self._contexts.clear()

    def freeze_api(self) -> None:
        """SIGSTOP: connections stay open, nothing comes."""
        assert self.api.process is not None
        self.api.process.send_signal(signal.SIGSTOP)

    def thaw_api(self) -> None:
        """SIGCONT."""
        assert self.api.process is not None
        self.api.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def screens(speed: float = 1.0) -> AsyncIterator[ScreensUnderTest]:
    """Plant, PLCs, controller, API and browser."""
    with LineUnderTest(speed, answer_s=PATIENT_S) as line:
        line.home = line.folder / "home"  # with recipes that people may release
        shutil.copytree(ROOT / "recipes", line.home / "recipes")
        line.start_plant()
        line.start_controller()
        line.wait_for(line.all_links_up, "all links up", START_S)
        api = ApiUnderTest(line.line_folder, line.run, "--speed", str(speed), home=line.home)
        api.users(**PEOPLE)
        with api:
            eventually(api.heard)
            async with browser() as found:
                yield ScreensUnderTest(line, api, found)


async def log_in(page: Page, user: str) -> None:
    """By the form; who has used his tries of this minute up in other tests waits for the next."""
    await page.fill("input[name=name]", user)
    await page.fill("input[name=password]", PASSWORD)
    while True:
        async with page.expect_response(_is_login) as waiting:
            await page.click("button[type=submit]")
        answer = await waiting.value
        if answer.status != TOO_MANY:
            break
        await page.wait_for_timeout(1000.0 * (1.0 + float(answer.headers["retry-after"])))


def _is_login(answer: Response) -> bool:
    return answer.url.endswith("/api/v1/session") and answer.request.method == "POST"


async def visit(page: Page, path: str) -> None:
    """Another screen in the same window, as a link would show it."""
    await page.evaluate(
        """(path) => {
             history.pushState(null, "", path);
             dispatchEvent(new PopStateEvent("popstate"));
           }""",
        path,
    )
    await page.wait_for_function("() => document.querySelector('main').innerText.length > 20")
    await page.wait_for_timeout(600)


class Seen:
    """When something became so in a page, by the page's own clock, which is that of the machine.

    Begun before what is to make it so. The page also notes for how long it was held up itself at
    most, since a page that gets no time shows nothing.
    """

    def __init__(self, page: Page, script: str) -> None:
        self._asked = asyncio.ensure_future(page.evaluate(_SEEN % script, PATIENCE_MS))

    async def after_ms(self, begun_s: float) -> tuple[float, float]:
        """How long after a moment (Unix time) it was so, and the longest hold-up, ms."""
        at_ms, held_up_ms = await self._asked
        assert at_ms is not None, f"not within {PATIENCE_MS} ms"
        return at_ms - 1000.0 * begun_s, held_up_ms


async def seen(page: Page, script: str) -> Seen:
    """Begin to look; returns when the page looks."""
    await page.evaluate("window.__looking = false")
    found = Seen(page, script)
    await page.wait_for_function("() => window.__looking === true")
    return found


async def breaches(page: Page) -> list[str]:
    """What the Content-Security-Policy had to forbid."""
    found: list[str] = await page.evaluate("window.__breaches")
    return found


async def accessibility_mistakes(page: Page) -> list[str]:
    """What axe finds, by the rules of WCAG 2.0 to 2.2, A and AA: rule, and where."""
    await page.evaluate(axe_script())
    found = await page.evaluate(
        """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
             "wcag22aa"]})"""
    )
    return [
        f"{v['id']}: {n['target']} {n.get('failureSummary', '')[:200]}"
        for v in found["violations"]
        for n in v["nodes"]
    ]


async def text_of(page: Page, selector: str) -> str:
    """The text of the first element that a selector finds."""
    return (await page.locator(selector).first.inner_text()).strip()


async def until(
    page: Page, script: str, argument: object = None, within_s: float = PATIENCE_MS / 1000
) -> None:
    """Wait until a script in the page gives something true."""
    await page.wait_for_function(script, arg=argument, timeout=1000 * within_s)
