"""Codes of people: the square code of a second factor as a camera sees it, and lost passwords."""

import base64

import pytest
from playwright.async_api import Page, expect

from controller.access.roles import Role
from tests.support.api_process import PASSWORD
from tests.support.screens import (
    LIVE,
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    log_in,
)
from tests.support.vendored_axe import reader_script

NEW_PASSWORD = "walnut ferry magnet"  # noqa: S105 - of a user that lives for a test
SHOWN = [("en", "light"), ("ja", "dark")]
WRONG_WAIT_MS = 2_500  # after a wrong code
READ = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const at = canvas.getContext("2d");
  at.drawImage(picture, 0, 0);
  const { data } = at.getImageData(0, 0, picture.width, picture.height);
  return jsQR(data, picture.width, picture.height, { inversionAttempts: "dontInvert" })?.data;
}"""


async def read_back(hmi: ScreensUnderTest, picture: bytes) -> str | None:
    """What a camera reads off a picture of the screen, in a page without our rules."""
    page = await hmi.window()
    await page.add_script_tag(content=reader_script())
    found: str | None = await page.evaluate(READ, base64.b64encode(picture).decode())
    return found


async def to_login(hmi: ScreensUnderTest, **more: str) -> Page:
    """An empty window at the form."""
    page = await hmi.window(**more)
    await page.goto(hmi.address("/"))
    await page.wait_for_selector("input[name=password]")
    return page


@pytest.mark.parametrize(("language", "theme"), SHOWN)
async def test_a_camera_reads_the_key_off_the_screen(
    hmi: ScreensUnderTest, language: str, theme: str
) -> None:
    page = await hmi.open("/account", "abe", language=language, theme=theme)
    form = page.locator("form", has=page.locator("button[type=submit]:not(.execute)"))
    await form.locator("input[type=password]").fill(PASSWORD)
    await form.locator("button[type=submit]").click()
    square = page.locator("svg.square-code")
    await square.scroll_into_view_if_needed()
    read = await read_back(hmi, await square.screenshot())
    key = await page.locator(".secret-text").first.inner_text()
    assert read is not None
    assert read.startswith("otpauth://totp/")
    assert f"secret={key.replace(' ', '')}&" in read
    assert ":abe?" in read
    around = await read_back(hmi, await page.screenshot())
    assert around == read  # also with all that stands around it
    assert await accessibility_mistakes(page) == []
    assert await breaches(page) == []


async def test_a_lost_password_is_replaced_with_a_code(hmi: ScreensUnderTest) -> None:
    hmi.api.users(ito=[Role.OPERATOR])
    ito = await to_login(hmi)
    await log_in(ito, "ito")
    await ito.wait_for_selector(LIVE)
    hmi.forget("amara")
    chief = await hmi.open("/users", "amara")
    row = chief.locator("tr[data-user='ito']")
    await row.locator(".act.small").click()
    await chief.click("text=Code for a lost password…")
    box = chief.locator(".twostep")
    await expect(box).to_contain_text("the old one and the sessions of ito end")
    await box.locator("input:not([type=password])").first.fill("forgot it")
    await box.locator("input[type=password]").fill(PASSWORD)
    await box.locator(".execute").click()
    secret = chief.locator(".secret")
    await expect(secret).to_contain_text("Code for ito, shown this once")
    code = await secret.locator(".secret-text").inner_text()
    assert await accessibility_mistakes(chief) == []
    await chief.click("text=I have kept it")
    assert code not in await chief.content()
    await ito.wait_for_selector("input[name=password]")  # the session has ended

    await ito.click("text=I have a code for a new password")
    typed = {"name": "ito", "code": "AAAAA", "password": NEW_PASSWORD, "again": "other"}
    for name, value in typed.items():
        await ito.fill(f"input[name={name}]", value)
    await ito.click(".execute")
    await expect(ito.locator(".told")).to_contain_text("The passwords differ.")
    await ito.fill("input[name=again]", NEW_PASSWORD)
    await ito.click(".execute")
    await expect(ito.locator(".told")).to_contain_text("The code is wrong, used or too old.")
    assert await accessibility_mistakes(ito) == []
    await ito.wait_for_timeout(WRONG_WAIT_MS)
    await ito.fill("input[name=code]", code.lower().replace("-", " "))
    await ito.click(".execute")
    await expect(ito.locator(".entry-box")).to_contain_text("The password is set.")
    await ito.fill("input[name=name]", "ito")
    await ito.fill("input[name=password]", NEW_PASSWORD)
    await ito.click("button[type=submit]")
    await ito.wait_for_selector(LIVE)
    stranger = hmi.api.person()
    body = {"name": "ito", "code": code, "password": "pebble lantern quartz"}
    again = stranger.http.post("/session/reset", json=body)
    assert again.json()["code"] in {"reset", "wait"}
    assert await breaches(ito) == []


async def test_an_administrator_is_not_offered_a_code_for_himself(hmi: ScreensUnderTest) -> None:
    chief = await hmi.open("/users", "amara")
    row = chief.locator("tr[data-user='amara']")
    await row.locator(".act.small").click()
    await expect(chief.locator("tr.response .buttons")).to_contain_text("New password…")
    assert await chief.locator("text=Code for a lost password…").count() == 0


async def test_who_chooses_a_password_is_told_in_japanese(hmi: ScreensUnderTest) -> None:
    page = await to_login(hmi, language="ja", theme="dark")
    await page.click("text=新しいパスワード用のコードがある")
    typed = {"name": "nobody", "code": "x", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    for name, value in typed.items():
        await page.fill(f"input[name={name}]", value)
    await page.click(".execute")
    told = page.locator(".told li")
    await expect(told).to_have_text("ユーザー名かコードが違うか、コードが使用済みか期限切れです")
    assert await told.get_attribute("lang") == "ja"
    assert await accessibility_mistakes(page) == []
    assert await breaches(page) == []
