"""Audit trail, health, users, tokens, one's own account, and the first start, in a browser."""

import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from controller.access.database import STORE, Database
from controller.access.desk import UserDesk
from controller.access.identity import Actor
from controller.access.passwords import Passwords
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from tests.support.api_process import CHEAP, PASSWORD, ApiUnderTest
from tests.support.screens import (
    LIVE,
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    seen,
    visit,
)

SHOWN = [("en", "light"), ("ja", "dark")]
TABLET = {"width": 1280, "height": 800}
HOSTILE = "<b onmouseover=window.__hit=1>Eve</b>"
BY_TERMINAL = Actor("chief", "terminal")
NEW_PASSWORD = "pebble lantern quartz"  # noqa: S105 - of a user that lives for a test
CLOSES_WITHIN_MS = 5_000  # and for as long as the machine gave the page no time
AT_LOGIN = "() => document.querySelector('input[name=password]')"
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth;
}"""
NEVER_ACKNOWLEDGES = """() => {
  const socket = window.__slow = new WebSocket(`ws://${location.host}/api/v1/live`);
  socket.onopen = () => {
    socket.send(JSON.stringify({ op: "hello", v: 1 }));
    socket.send(JSON.stringify({ op: "view", id: 1, tags: ["*"], rate: 10 }));
  };
}"""
PEOPLE_AND_HEALTH = (
    "/users", "/users?view=sessions", "/users?view=tokens", "/account", "/audit", "/health",
)  # fmt: skip


async def prove(page: Page, reason: str = "because") -> None:
    """Reason, password, Execute."""
    box = page.locator(".twostep")
    await box.locator("input:not([type=password])").first.fill(reason)
    await box.locator("input[type=password]").fill(PASSWORD)
    await box.locator(".execute").click()


async def test_what_was_done_is_in_the_audit_trail_and_the_trail_is_verified(
    hmi: ScreensUnderTest,
) -> None:
    hmi.person("mori").do("coater", "SET", target="COAT.TROLL2.SP", value=33.0)
    page = await hmi.open("/audit?actor=mori&category=command", "mori")
    row = page.locator(".audit-table tbody tr", has_text="COAT.TROLL2.SP").first
    for words in ("mori", "SET", "33", "127.0.0.1"):
        await expect(row).to_contain_text(words)
    await page.click("text=Verify now")
    await expect(page.locator(".verdict")).to_contain_text("Intact: all")
    async with page.expect_download() as waiting:
        await page.click("text=Export CSV")
    path = await (await waiting.value).path()
    assert "COAT.TROLL2.SP" in path.read_text(encoding="utf-8")
    assert await breaches(page) == []


async def test_the_first_bad_record_is_named(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/audit", "mori")
    told = {"intact": False, "records": 12, "first_bad": 7, "damage": "altered", "notes": [],
            "anchor": "whole", "head": None, "text": "record 7 is not", "broken": ""}  # fmt: skip
    await page.route("**/api/v1/audit/verify", lambda route: route.fulfill(json=told))
    await page.click("text=Verify now")
    await expect(page.locator(".verdict.bad")).to_contain_text("Record 7 is the first")
    await expect(page.locator(".verdict.bad")).to_contain_text("A record was altered.")


@pytest.mark.parametrize("path", ["/audit", "/users"])
async def test_who_may_not_see_a_page_is_told_and_is_not_offered_it(
    hmi: ScreensUnderTest, path: str
) -> None:
    page = await hmi.open(path)
    await expect(page.locator("main")).to_contain_text("needs a permission")
    assert await page.locator(f".pages a[href='{path}']").count() == 0
    assert await page.locator("main table").count() == 0


async def test_health_shows_a_silent_plc_within_seconds(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/health")
    row = page.locator("tr[data-station='coater']")
    await expect(row.locator(".plc .lamp")).to_contain_text("live")
    await expect(row.locator(".scan-spread").first).to_be_visible()
    await expect(page.locator("main")).to_contain_text("samples waiting for the disk")
    hmi.line.plc("coater", "pause")
    try:
        await expect(row.locator(".plc .lamp")).to_contain_text("lost", timeout=10_000)
        other = page.locator("tr[data-station='calender'] .plc .lamp")
        await expect(other).to_contain_text("live")
    finally:
        hmi.line.plc("coater", "resume")
        hmi.line.wait_for(hmi.line.all_links_up, "all links up")
        hmi.line.command("coater", "RESET")
    await expect(row.locator(".plc .lamp")).to_contain_text("live")


async def test_health_shows_how_long_each_plc_takes_to_confirm_a_write(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/health")
    for station in ("coater", "calender", "enclosure"):
        values = page.locator(f"tr[data-station='{station}'] .round-trip .value")
        for k in range(2):
            await expect(values.nth(k).locator("b")).to_have_text(re.compile(r"^\d+\.\d$"))
            await expect(values.nth(k)).to_have_attribute("data-q", "good")
        last, longest = [float(await values.nth(k).locator("b").inner_text()) for k in range(2)]
        assert 0.0 <= last <= longest + 100.0  # the two are read one after the other
        assert longest > 0.0
    assert await breaches(page) == []


async def test_a_window_that_is_slow_is_told_by_its_row_and_other_people_do_not_see_it(
    hmi: ScreensUnderTest,
) -> None:
    chief = await hmi.open("/health", "chief")
    rows = chief.locator(".windows-table tbody tr")
    await expect(rows.first).to_contain_text("this session")
    own = await chief.evaluate(
        "[...document.querySelectorAll('[data-window]')].map((e) => e.dataset.window)"
    )
    await chief.evaluate(NEVER_ACKNOWLEDGES)
    others = "".join(f":not([data-window='{number}'])" for number in own)
    slow = chief.locator(f".windows-table tbody tr{others}", has_text=re.compile("⊘ never")).first
    await expect(slow).to_contain_text("127.0.0.1")
    await expect(slow.locator("td").nth(4)).to_have_text("3")
    await expect(slow.locator("td").nth(5)).not_to_have_text("0")
    await expect(slow.locator("td").nth(6)).to_have_text("1")
    sato = await hmi.open("/health", "sato")
    await expect(sato.locator(".windows-table tbody tr").first).to_contain_text("sato")
    assert "chief" not in await sato.locator(".windows-table").inner_text()
    await expect(chief.locator(".windows-table")).to_contain_text("sato")
    assert await breaches(chief) == []


async def test_a_user_is_added_logs_in_and_loses_the_window_with_the_role(
    hmi: ScreensUnderTest,
) -> None:
    chief = await hmi.open("/users", "chief")
    await chief.click("text=New user")
    await chief.fill("input[name=new-name]", "eve")
    await chief.fill("input[name=new-display]", HOSTILE)
    for field in await chief.locator(".new-user > .field input[type=password]").all():
        await field.fill(NEW_PASSWORD)
    await prove(chief, "new on shift")
    row = chief.locator("tr[data-user='eve']")
    await expect(row).to_contain_text(HOSTILE)
    assert await chief.evaluate("window.__hit") is None
    eve = await hmi.window()
    await eve.goto(hmi.address("/"))
    await eve.fill("input[name=name]", "eve")
    await eve.fill("input[name=password]", NEW_PASSWORD)
    await eve.click("button[type=submit]")
    await eve.wait_for_selector(LIVE)
    await expect(eve.locator(".user-button")).to_have_text(HOSTILE)
    await visit(chief, "/users?view=sessions")
    await expect(chief.locator("tr[data-session='eve']")).to_contain_text("127.0.0.1")
    await visit(chief, "/users")
    await row.locator(".act.small").click()
    await chief.click("text=Roles…")
    await chief.get_by_label("Viewer").check()
    await chief.get_by_label("Operator").uncheck()
    ended = await seen(eve, AT_LOGIN)
    await prove(chief, "other work")
    await expect(chief.locator(".done-words")).to_contain_text("eve has other roles")
    took_ms, held_up_ms = await ended.after_ms(time.time())
    assert took_ms <= CLOSES_WITHIN_MS + held_up_ms, held_up_ms
    await expect(eve.locator(".note").first).to_have_text("Your roles were changed. Log in again.")


async def test_a_session_is_ended_by_an_administrator(hmi: ScreensUnderTest) -> None:
    hmi.forget("guest")
    guest = await hmi.open("/", "guest")
    hmi.forget("guest")
    chief = await hmi.open("/users?view=sessions", "chief")
    rows = chief.locator("tr[data-session='guest']", has_text="1")
    await rows.first.locator(".act.small").click()
    ended = await seen(guest, AT_LOGIN)
    await prove(chief)
    await expect(chief.locator(".done-words")).to_contain_text("The session of guest has ended.")
    took_ms, held_up_ms = await ended.after_ms(time.time())
    assert took_ms <= CLOSES_WITHIN_MS + held_up_ms, held_up_ms


async def test_a_token_is_shown_once_and_good_for_nothing_after_its_end(
    hmi: ScreensUnderTest,
) -> None:
    # Four passwords a minute are what an account may try; the chief has used his.
    chief = await hmi.open("/users?view=tokens", "amara")
    await chief.click("text=New token")
    await chief.fill("input[name=new-label]", "reports")
    await prove(chief, "monthly report")
    secret = await chief.locator(".secret-text").inner_text()
    assert secret.startswith("dryline_")
    stranger = hmi.api.person()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert stranger.http.get("/tags", headers=bearer).status_code == 200
    await chief.click("text=I have kept it")
    await chief.reload()
    row = chief.locator("tr[data-token='reports']")
    await expect(row).to_contain_text("good")
    assert secret not in await chief.content()
    await row.locator(".act.small").click()
    await prove(chief)
    await expect(row).to_contain_text("ended")
    assert stranger.http.get("/tags", headers=bearer).status_code == 401


async def test_a_wrong_password_changes_nothing_and_ends_nothing(hmi: ScreensUnderTest) -> None:
    hmi.forget("guest")  # whoever guesses must wait, so nobody who is needed by other tests
    page = await hmi.open("/account", "guest")
    hmi.forget("guest")
    form = page.locator("form", has_text="Present password")
    typed = ("not this one at all", NEW_PASSWORD, NEW_PASSWORD)
    for field, text in zip(await form.locator("input").all(), typed, strict=True):
        await field.fill(text)
    await form.locator(".execute").click()
    await expect(form.locator(".told")).to_contain_text("Name or password is wrong.")
    await expect(page.locator(".user-button")).to_have_text("guest")
    await page.reload()
    await expect(page.locator(".user-button")).to_have_text("guest")


async def test_a_second_factor_gives_a_key_and_asks_for_its_code(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/account")
    await page.locator("form", has_text="changes every 30 s").locator("input").fill(PASSWORD)
    await page.click("text=Begin")
    key = await page.locator(".secret-text").first.inner_text()
    assert len(key.replace(" ", "")) == 32
    form = page.locator("form", has_text="Type this key")
    await form.locator("input[inputmode=numeric]").first.fill("000000")
    await form.locator("input[type=password]").fill(PASSWORD)
    await form.locator(".execute").click()
    await expect(form.locator(".told")).to_contain_text("The code is wrong")
    await expect(page.locator(".sessions-table")).to_contain_text("this one")


def invited(run: Path) -> str:
    """The code that `dryline user invite` prints."""
    now = moments()
    with Trail(run / TRAIL, now) as trail, Database(run / STORE) as database:
        return UserDesk(database, Passwords(CHEAP), trail, now).invite(BY_TERMINAL).reveal()


async def test_the_first_administrator_sets_himself_up_with_the_code_of_the_terminal(
    hmi: ScreensUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setenv("DRYLINE_ANCHORS", str(run.with_name("anchors")))
    code = invited(run)
    with ApiUnderTest(hmi.line.line_folder, run) as api:
        page = await hmi.window()
        await page.goto(f"http://127.0.0.1:{api.port}/")
        await expect(page.locator("form")).to_contain_text("dryline user invite")
        assert await accessibility_mistakes(page) == []
        fields = {"code": "WRONG", "name": "chief", "password": NEW_PASSWORD, "again": "x"}
        for name, value in fields.items():
            await page.fill(f"input[name={name}]", value)
        await page.click(".execute")
        await expect(page.locator(".told")).to_contain_text("The passwords differ.")
        await page.fill("input[name=again]", NEW_PASSWORD)
        await page.click(".execute")
        await expect(page.locator(".told")).to_contain_text("The code is wrong or over.")
        await page.fill("input[name=code]", code)
        await page.wait_for_timeout(2_000)  # a wrong code has to be waited for
        await page.click(".execute")
        await expect(page.locator(".user-button")).to_have_text("chief")
        assert "Users" in await page.locator(".pages").inner_text()


@pytest.mark.parametrize(("language", "theme"), SHOWN)
async def test_pages_about_people_and_health_keep_the_rules_and_fit(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.open("/users", "chief", language=language, theme=theme, viewport=TABLET)
    mistakes = []
    for path in PEOPLE_AND_HEALTH:
        await visit(page, path)
        unfold = page.locator(".tools > .act, .audit-table .link")
        if await unfold.count():
            await unfold.first.click()
        mistakes += [f"{path} {m}" for m in await accessibility_mistakes(page)]
        if await page.evaluate(TOO_WIDE) > 0:
            mistakes.append(f"{path} is wider than the window")
    assert mistakes == []
    assert await breaches(page) == []
