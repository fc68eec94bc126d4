"""Recipes on the screens: drafted, compared, rehearsed, released, deployed, rolled back.

Each person has four passwords a minute: what they do is dealt out so that nobody needs more.
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Page, expect

from tests.support.api_process import PASSWORD, Person
from tests.support.line_under_test import ACTIVE
from tests.support.screens import (
    ScreensUnderTest,
    accessibility_mistakes,
    breaches,
    text_of,
    until,
    visit,
)

NAME, KIND = "nmc-standard", "coater"
OTHERS = ("calender", "enclosure")
TRIED = "2.0.1"
REHEARSED_MS = 150_000  # it takes what time others leave
RECIPE = f"/recipes/{KIND}/{NAME}"
MARKUP = "<img src=x onerror=window.__hit=1><b>bold</b>"
TABLET = {"width": 1280, "height": 800}
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth + document.documentElement.scrollWidth - innerWidth;
}"""
SMALL = """() => [...document.querySelectorAll("main :is(button, a[href], select, input)")]
  .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([, r]) => r.height && r.height < 43.5).map(([t, r]) => `${r.height} ${t}`)"""


def draft(mori: Person, version: str, base: str = "1.1.0", **values: str) -> dict[str, Any]:
    """A draft of mori's."""
    body = {"base": f"{NAME}@{base}", "version": version, "reason": "for a test", "values": values}
    answer = mori.post(f"{RECIPE}/versions", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def release(abe: Person, version: str) -> None:
    """Signed by an approver, without a rehearsal."""
    wanted = abe.get(f"{RECIPE}/{version}/signing").json()
    ticket = abe.ticket(wanted["purpose"], wanted["subject"])
    body = {"content_hash": wanted["content_hash"], "reason": "good", "ticket": ticket,
            "override": "a test"}  # fmt: skip
    answer = abe.post(f"{RECIPE}/{version}/release", body)
    assert answer.status_code == 200, answer.text


def deploy(person: Person, station: str, recipe: str) -> None:
    """Both steps."""
    shown = person.get(f"/stations/{station}/deployments").json()
    number = shown["requested"]["number"] if shown["requested"] else 0
    body = {"recipe": recipe, "expected": number, "reason": "for a test"}
    told = person.post(f"/stations/{station}/deployments", body)
    assert told.status_code == 201, told.text
    ticket = person.ticket("sign", told.json()["sign"]["subject"])
    answer = person.execute(told.json()["token"], ticket=ticket)
    assert answer.status_code == 202, answer.text


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mori(line_screens: ScreensUnderTest) -> Person:
    """An engineer at a program of his own."""
    return line_screens.person("mori")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def released(line_screens: ScreensUnderTest, mori: Person) -> str:
    """A version that may be deployed; there are one to be tried on its ground, and a draft, too."""
    abe = line_screens.person("abe")
    draft(mori, "2.0.0", line_speed="4", roll_temperature="85")
    release(abe, "2.0.0")
    draft(mori, TRIED, base="2.0.0", roll_temperature="90")
    release(abe, TRIED)
    draft(mori, "2.1.0", areal_loading="28")
    return "2.0.0"


async def sign(page: Page, inside: str = ".acting") -> None:
    """The second step."""
    await page.fill(f"{inside} input[type=password]", PASSWORD)
    await page.click(f"{inside} .twostep .execute")


def requested(hmi: ScreensUnderTest) -> dict[str, Any]:
    """What the coater was asked to follow."""
    found: dict[str, Any] | None = hmi.line.ask(op="recipe", station="coater")["requested"]
    return found or {"number": 0, "recipe": "built-in"}


def others(hmi: ScreensUnderTest) -> dict[str, Any]:
    """What the other stations, which run, follow; a machine that stood still may have held them."""
    found = {}
    for station in OTHERS:
        status = hmi.line.station(station)
        assert status["state"] in ACTIVE or "link to the PLC lost" in status["reason"], status
        shown = hmi.line.ask(op="recipe", station=station)
        found[station] = (shown["requested"], shown["current"], shown["run"])
    return found


async def test_the_library_shows_every_version_with_its_status(
    hmi: ScreensUnderTest, released: str
) -> None:
    page = await hmi.open("/recipes")
    row = page.locator(f"tr[data-recipe='{KIND}/{NAME}@{released}']")
    await expect(row.locator(".status")).to_have_text("released")
    await expect(row).to_contain_text("released by abe")
    drafted = page.locator(f"tr[data-recipe='{KIND}/{NAME}@2.1.0'] .status")
    await expect(drafted).to_have_text("draft")
    for station in ("coater", "calender", "enclosure"):
        card = page.locator(f"[data-station={station}]")
        await expect(card.locator(".current")).not_to_be_empty()
        await expect(card.locator(".asked-for")).not_to_be_empty()
    await page.select_option(".filters select >> nth=1", "released")
    shown = page.locator(".library-table tbody tr .status")
    await expect(shown.filter(has_text="draft")).to_have_count(0)
    assert set(await shown.all_inner_texts()) == {"released"}
    for version in (released, TRIED):
        await expect(page.locator(f"tr[data-recipe='{KIND}/{NAME}@{version}']")).to_have_count(1)
    await page.fill(".filters input", "nothing like this")
    await expect(page.locator(".library .empty")).to_contain_text("None of")


async def test_a_draft_becomes_a_release_by_a_second_person(
    hmi: ScreensUnderTest, released: str
) -> None:
    page = await hmi.open(f"{RECIPE}?v={released}", "mori")
    await page.click("button:has-text('New version')")
    await page.fill(".acting .wide input", "slower, for a test")
    await page.fill(".draft-values label:has-text('line speed') input", "99")
    await expect(page.locator(".acting .execute")).to_be_disabled()
    await page.fill(".draft-values label:has-text('line speed') input", "3.5")
    await page.fill(".pair input >> nth=0", "2.2.0")
    await page.click(".acting .execute")
    await page.wait_for_url("**v=2.2.0&tab=changes")
    change = page.locator("table.diff tr:has-text('line_speed')").first
    await expect(change).to_contain_text("3.5")
    await expect(change).to_contain_text("-12.5 %")
    assert await page.locator("button:has-text('Release')").count() == 0
    tanaka = await hmi.open(f"{RECIPE}?v=2.2.0", "tanaka")
    await tanaka.click("button:has-text('Release')")
    await tanaka.fill(".acting .why", "no time for one")
    await tanaka.fill(".twostep input:not([type=password])", "looked at together")
    await tanaka.fill(".twostep input[type=password]", "wrong")
    await tanaka.click(".twostep .execute")
    await expect(tanaka.locator(".twostep .told")).to_contain_text("password is wrong")
    await tanaka.wait_for_timeout(1_200)  # a wrong one makes the next wait
    await tanaka.fill(".twostep input[type=password]", PASSWORD)
    await tanaka.click(".twostep .execute")
    await expect(tanaka.locator(".title-row .status")).to_have_text("released")
    await tanaka.click("text=History")
    await expect(tanaka.locator("main")).to_contain_text("signed by tanaka, verified")


async def test_an_author_is_told_that_another_person_releases(hmi: ScreensUnderTest) -> None:
    draft(hmi.person("kato"), "2.3.0")
    page = await hmi.open(f"{RECIPE}?v=2.3.0", "kato")
    await expect(page.locator(".recipe-head")).to_contain_text("another person has to release it")
    await expect(page.locator("button:has-text('Release')")).to_be_disabled()


@pytest.fixture
def going(hmi: ScreensUnderTest) -> Iterator[None]:
    """The other stations run, for the time of a test."""
    for station in OTHERS:
        hmi.line.activate(station)
    yield
    for station in OTHERS:
        hmi.line.reach_idle(station)


@pytest.mark.usefixtures("going")
async def test_one_station_gets_a_recipe_and_is_rolled_back_while_the_others_go_on(
    hmi: ScreensUnderTest, released: str
) -> None:
    before, number = others(hmi), requested(hmi)["number"]
    page = await hmi.open(f"{RECIPE}?v={released}", "mori")
    await page.click("button:has-text('Deploy') >> nth=0")
    await page.fill(".acting .why", "for the next lot")
    await page.click(".acting button[type=submit]")
    await expect(page.locator(".twostep .proposal")).to_contain_text(f"{NAME} {released}")
    await expect(page.locator(".twostep .execute")).to_be_disabled()
    assert requested(hmi)["number"] == number
    await sign(page)
    await expect(page.locator(".twostep")).to_contain_text("Confirmed")
    shown = requested(hmi)
    assert (shown["recipe"], shown["actor"]) == (f"{KIND}/{NAME}@{released}", "mori")
    assert shown["signature"]["signer"] == "mori"
    assert others(hmi) == before
    await visit(page, "/recipes")
    card = page.locator("[data-station=coater]")
    await expect(card.locator(".asked-for")).to_contain_text(f"{NAME} {released}")
    await card.locator("button:has-text('Roll back')").click()
    await card.locator(".why").fill("as it was")
    await card.locator("button[type=submit]").click()
    await expect(card.locator(".twostep .proposal")).to_contain_text("built-in recipe")
    await sign(page, "[data-station=coater] .acting")
    await expect(card.locator(".twostep")).to_contain_text("Confirmed")
    await card.locator(".twostep .act").click()
    await expect(card.locator(".asked-for")).to_contain_text("built-in recipe")
    assert others(hmi) == before


async def test_a_trial_is_begun_and_ended(hmi: ScreensUnderTest, released: str) -> None:
    page = await hmi.open(f"{RECIPE}?v={TRIED}", "kato")
    await page.click("button:has-text('Deploy on trial')")
    await expect(page.locator(".acting")).to_contain_text(f"{NAME} {released} comes back by itself")
    await page.fill(".acting .pair input", "x")
    await page.fill(".acting .why", "is it thinner?")
    await expect(page.locator(".acting button[type=submit]")).to_be_disabled()
    await page.fill(".acting .pair input", "20")
    await page.click(".acting button[type=submit]")
    await expect(page.locator(".twostep .proposal")).to_contain_text("A trial of 20 min")
    await sign(page)
    await expect(page.locator(".twostep")).to_contain_text("Confirmed")
    assert requested(hmi)["trial"]
    await visit(page, "/recipes")
    card = page.locator("[data-station=coater]")
    await expect(card.locator(".asked-for .risk")).to_have_text("trial")
    await card.locator("button:has-text('End the trial')").click()
    await card.locator(".why").fill("answered")
    await card.locator("button[type=submit]").click()
    await card.locator(".twostep .execute").click()
    await expect(card.locator(".twostep")).to_contain_text("Confirmed")
    shown = requested(hmi)
    assert (shown["recipe"], shown["trial"]) == (f"{KIND}/{NAME}@{released}", "")


async def test_a_draft_that_was_written_elsewhere_is_checked_and_brought(
    hmi: ScreensUnderTest, mori: Person, released: str
) -> None:
    text = mori.get(f"{RECIPE}/{released}").json()["text"]
    text = text.replace(f"version: {released}", "version: 2.9.0")

    def file(content: str) -> FilePayload:
        return {"name": "2.9.0.yaml", "mimeType": "text/yaml", "buffer": content.encode()}

    page = await hmi.open("/recipes", "mori")
    await page.click("button:has-text('Bring a draft')")
    await page.fill(".acting .why", "from the laboratory")
    wrong = text.replace("line_speed: {value: 4", "line_speed: {value: 400")
    assert wrong != text
    await page.set_input_files(".acting input[type=file]", file(wrong))
    await expect(page.locator(".acting .reasons")).to_contain_text("line_speed")
    await expect(page.locator(".acting .reasons")).to_contain_text(re.compile(r"line \d+"))
    await expect(page.locator(".acting .execute")).to_be_disabled()
    await page.set_input_files(".acting input[type=file]", file(text))
    await page.click(".acting .execute")
    await page.wait_for_url("**v=2.9.0")
    await expect(page.locator(".title-row .status")).to_have_text("draft")


async def test_who_deployed_meanwhile_is_told(hmi: ScreensUnderTest, released: str) -> None:
    page = await hmi.open(f"{RECIPE}?v={released}", "mori")
    await page.click("button:has-text('Deploy') >> nth=0")
    await page.fill(".acting .why", "for the next lot")
    await expect(page.locator(".acting button[type=submit]")).to_be_enabled()
    ueda = hmi.person("ueda")
    shown = ueda.get("/stations/coater/deployments").json()
    stale = (shown["requested"] or {"number": 0})["number"]

    async def as_seen(route: Any) -> None:
        """What the page knows stays what it knew."""
        if route.request.method == "GET":
            await route.fulfill(json=shown)
        else:
            await route.continue_()

    await page.route("**/stations/coater/deployments", as_seen)
    deploy(ueda, "coater", f"{NAME}@{released}")
    await page.click(".acting button[type=submit]")
    await expect(page.locator(".twostep.refused")).to_contain_text("ueda deployed")
    after = requested(hmi)
    assert (after["number"], after["actor"]) == (stale + 1, "ueda")
    deploy(ueda, "coater", "built-in")


@pytest.mark.parametrize("user", ["sato", "guest"])
async def test_who_may_only_look_has_no_buttons(
    hmi: ScreensUnderTest, released: str, user: str
) -> None:
    page = await hmi.open(f"{RECIPE}?v={released}&tab=rehearsal", user)
    await expect(page.locator(".recipe-head")).to_contain_text("You may look at this version")
    await expect(page.locator(".rehearsals")).to_contain_text("Engineers begin them")
    assert await page.locator("main .act").count() == 0
    await visit(page, "/recipes")
    await expect(page.locator(".library")).to_contain_text("You may look at recipes")
    assert await page.locator("main .act").count() == 0


@pytest.mark.timeout(300)
async def test_a_rehearsal_is_followed_to_its_verdict(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/recipes/calender/line-load?v=1.1.0&tab=rehearsal", "mori")
    await expect(page.locator(".rehearsals")).to_contain_text("was not rehearsed yet")
    await page.select_option(".wish select >> nth=0", "5")
    await page.select_option(".wish select >> nth=2", "")
    await page.click(".wish button")
    await until(page, "() => document.querySelector('progress')?.value > 0", within_s=90)
    verdict = page.locator(".rehearsal-verdict")
    await expect(verdict).to_contain_text("passed: 1 seed", timeout=REHEARSED_MS)
    await expect(page.locator(".predicted figure")).to_have_count(7)
    await expect(page.locator(".phase-strip li").first).to_have_text("1")
    await expect(page.locator(".two-tables")).to_contain_text("thickness, mean")
    assert await accessibility_mistakes(page) == []


@pytest.mark.timeout(300)
async def test_a_rehearsal_with_a_fault_shows_whether_the_station_recovers(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/recipes/calender/line-load?v=1.0.0&tab=rehearsal", "mori")
    await page.select_option(".wish select >> nth=0", "5")
    await page.select_option(".wish-faults select >> nth=0", "web_break")
    await page.select_option(".wish-faults select >> nth=1", "2")
    await page.select_option(".wish-faults select >> nth=2", "1")
    await page.click("text=Add the fault")
    await expect(page.locator(".chosen-faults")).to_contain_text("web break after 2 min for 1 min")
    assert await accessibility_mistakes(page) == []
    await page.click(".wish > button")
    job = page.locator(".job").first
    await expect(job.locator("h3")).to_contain_text("with web break after 2 min for 1 min")
    await expect(job).to_have_attribute("data-state", "done", timeout=REHEARSED_MS)
    await expect(job).to_contain_text("does not count for a release")
    made = hmi.person("mori").get("/rehearsals").json()["rehearsals"][0]
    record = hmi.person("mori").get(f"/rehearsals/{made['id']}").json()["record"]
    assert [(f["name"], f["start_s"], f["for_s"]) for f in record["faults"]] == [
        ("web_break", 120.0, 60.0)
    ]
    assert "recovered" in record


async def test_what_a_draft_says_is_in_words_of_the_process(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"{RECIPE}?v=1.0.0")
    speed = page.locator(".formula tr:has-text('line_speed')")
    await expect(speed).to_contain_text("line speed")
    await expect(speed).to_contain_text("0.5 … 20 m/min")
    heat = page.locator(".formula tr:has-text('mixer_temperature')")
    await expect(heat).to_contain_text("a mixer above 110 degC trips")
    warm = page.locator(".procedure tr:has-text('Heat mixer and rolls')")
    await expect(warm).to_contain_text("mixer temperature")
    await expect(warm).to_contain_text("± 5 °C")
    await expect(warm).to_contain_text("holds after 4:00:00")
    await page.click("text=Differences")
    await page.select_option(".against", f"{NAME}@1.1.0")
    await expect(page.locator("table.diff")).to_contain_text("mixing energy")
    await expect(page.locator(".recipe-body")).to_contain_text("highest risk")


async def test_a_version_that_is_not_there_is_told(hmi: ScreensUnderTest) -> None:
    page = await hmi.open(f"{RECIPE}?v=77.0.0")
    await expect(page.locator("main .told")).to_contain_text("no version '77.0.0'")
    await expect(page.locator("main button.act")).to_have_count(1)


async def test_markup_in_the_texts_of_a_recipe_stays_text(
    hmi: ScreensUnderTest, mori: Person, released: str
) -> None:
    text = mori.get(f"{RECIPE}/{released}").json()["text"]
    for key, value in (("version", "3.0.0"), ("title", f"'{MARKUP}'"), ("reason", f"'{MARKUP}'")):
        text = re.sub(rf"(?m)^{key}: .*$", f"{key}: {value}", text)
    text = re.sub(r"(?m)^    title: Heat.*$", f"    title: '{MARKUP}'", text)
    headers = {"content-type": "application/yaml", "Idempotency-Key": uuid.uuid4().hex}
    path = f"{RECIPE}/3.0.0?reason=x"
    answer = mori.http.put(path, content=text, headers=headers)
    assert answer.status_code == 201, answer.text
    page = await hmi.open("/recipes", "mori")
    for path in (
        "/recipes",
        *(f"{RECIPE}?v=3.0.0&tab={tab}" for tab in ("content", "changes", "file")),
    ):
        await visit(page, path)
        await expect(page.locator("main")).to_contain_text("<img src=x")
        assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("window.__hit") is None
    assert await breaches(page) == []


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ja", "dark")])
async def test_the_screens_keep_the_rules_and_fit_on_a_tablet(
    hmi: ScreensUnderTest, released: str, language: str, theme: str
) -> None:
    page = await hmi.open("/recipes", "mori", language=language, theme=theme, viewport=TABLET)
    mistakes = []
    places = ["/recipes", *(f"{RECIPE}?v={released}&tab={tab}" for tab in
                            ("content", "changes", "rehearsal", "history", "file"))]  # fmt: skip
    for path in places:
        await visit(page, path)
        mistakes += [f"{path} {m}" for m in await accessibility_mistakes(page)]
        mistakes += [f"{path} small: {m}" for m in await page.evaluate(SMALL)]
        if await page.evaluate(TOO_WIDE) > 0:
            mistakes.append(f"{path} is wider than the window")
    await page.locator(".recipe-head .act").first.click()
    await page.wait_for_selector(".acting table, .acting .note")
    mistakes += await accessibility_mistakes(page)
    assert mistakes == []
    assert await breaches(page) == []
    if language == "ja":
        assert "配備" in await text_of(page, ".acting h3")
