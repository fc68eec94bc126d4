"""Energy: the numbers of the API, metered and modelled apart, no saving without its interval."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.screens import ScreensUnderTest, accessibility_mistakes, breaches, until

NOW = "**/api/v1/energy?start=-1m"
PAST = "**/api/v1/energy?start=-24h"
HOSTILE = "<img src=x onerror='window.__hit=1'>"
HOUR_NS = 3_600_000_000_000
BEGIN_NS = 1_795_230_000_000_000_000
WINDOW: dict[str, Any] = {
    "start_ns": BEGIN_NS, "stop_ns": BEGIN_NS + 24 * HOUR_NS, "resolution_s": 60.0,
    "air_kwh": 307.0, "machines_kwh": 120.0, "known_s": 86_400.0, "counted_s": 72_000.0,
    "counted_air_kwh": 250.0, "baseline_kwh": 1_854.0,
    "saving_kwh": {"mean": 1_604.0, "low": 1_326.0, "high": 1_882.0},
    "saving": {"share": 0.865, "low": 0.841, "high": 0.883},
    "frost_point": {
        "known_s": 86_400.0, "above_s": 7_200.0, "width": 2.0,
        "histogram": [[-62.0, 79_200.0], [-60.0, 7_200.0]],
        "above": [{"begin_ns": BEGIN_NS, "end_ns": BEGIN_NS + 2 * HOUR_NS, "worst": -58.5}],
    },
}  # fmt: skip
SHOWN = [("en", "light"), ("ja", "dark")]
TOO_WIDE = """() => {
  const main = document.querySelector("main");
  return main.scrollWidth - main.clientWidth;
}"""
TARIFF = {
    "price_per_kwh": 24.0, "currency": "JPY", "co2_g_per_kwh": 430.0,
    "basis": "<b>contract</b> of March",
}  # fmt: skip
COST = {
    "air": 7_368.0, "machines": 2_880.0, "total": 10_248.0,
    "saving": {"mean": 38_496.0, "low": 31_824.0, "high": 45_168.0},
}  # fmt: skip
CO2_KG = {
    "air": 132.0, "machines": 51.6, "total": 183.6,
    "saving": {"mean": 689.7, "low": 570.2, "high": 809.3},
}  # fmt: skip
STYLE = """(of) => getComputedStyle(document.querySelector(of)).borderTopStyle"""


@asynccontextmanager
async def spoilt(
    page: Page, *, method: str | None = None, window: Any = WINDOW, tariff: Any = None
) -> AsyncIterator[None]:
    """The energy page, with a window and a tariff of our own in the answers of the server."""

    async def answer(route: Route) -> None:
        found = await (await route.fetch()).json()
        found["window"], found["tariff"] = window, tariff
        if method is not None:
            found["baseline"]["method"] = method
        await route.fulfill(json=found)

    await page.route("**/api/v1/energy?*", answer)
    await page.click("nav.pages a[href='/energy']")
    try:
        yield
    finally:  # an answer that is still being made has nobody to go to any more
        await page.unroute_all(behavior="ignoreErrors")


async def answered_once(page: Page, pattern: str) -> dict[str, Any]:
    """The energy page, with one answer of the server to a question however often it is asked.

    Numbers pass while a busy machine reads them.
    """
    kept: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def answer(route: Route) -> None:
        if not kept.done():
            kept.set_result(await (await route.fetch()).json())
        await route.fulfill(json=kept.result())

    await page.route(pattern, answer)
    async with page.expect_response(pattern):
        await page.click("nav.pages a[href='/energy']")
    return await kept


async def test_the_numbers_are_those_of_the_api(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    now = (await answered_once(page, NOW))["now"]
    await page.wait_for_selector("[data-energy=air_kw]")
    for name in ("air_kw", "machines_kw", "baseline_kw", "saving_kw"):
        text = "–" if now[name] is None else f"{now[name]:.1f}"
        await expect(page.locator(f"[data-energy={name}] b").first).to_have_text(text)
    share = now["saving"]
    words = await page.locator("[data-energy=saving_kw]").inner_text()
    for end in ("share", "low", "high"):
        assert f"{100 * share[end]:.1f} %" in words
    await expect(page.locator(".powers .row")).to_have_count(len(now["consumers"]))
    assert await breaches(page) == []


async def test_metered_and_modelled_do_not_look_alike(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/energy")
    await page.wait_for_selector("[data-energy=saving_kw]")
    assert await page.evaluate(STYLE, "[data-energy=baseline_kw]") == "dashed"
    assert await page.evaluate(STYLE, "[data-energy=saving_kw]") == "dashed"
    assert await page.evaluate(STYLE, "[data-energy=air_kw]") != "dashed"
    for name, word in (("air_kw", "metered"), ("baseline_kw", "modelled")):
        await expect(page.locator(f"[data-energy={name}] .origin")).to_have_text(word)


async def test_a_saving_has_its_interval_and_its_formula_one_tap_away(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/alarms")
    async with spoilt(page):
        saving = page.locator(".energy-window .figure.saving")
        await expect(saving).to_contain_text("1604")
        await expect(saving).to_contain_text("1326 … 1882 kWh")
        await expect(saving).to_contain_text("86.5 % (84.1 % … 88.3 %)")
        await page.click(".energy-window .formula summary")
        words = await page.locator(".energy-window .formula").inner_text()
        assert "20.00 h of 24.00 h" in words
        assert "× 20.00 h − 250 kWh = 1604 kWh" in words
        assert "(1 ± 0.15)" in words
        await expect(page.locator(".energy-frost")).to_contain_text("-58.5 °C")


async def test_where_no_time_counts_no_saving_is_claimed(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    nothing = {
        "counted_s": 0.0, "counted_air_kwh": 0.0, "baseline_kwh": None, "saving_kwh": None,
        "saving": None,
    }  # fmt: skip
    async with spoilt(page, window=WINDOW | nothing):
        await expect(page.locator(".energy-window")).to_contain_text("No saving is claimed")
        assert await page.locator(".energy-window .saving").count() == 0


async def test_cost_and_co2_of_the_window_and_of_the_saving_stand_beside_their_basis(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/alarms")
    window = WINDOW | {"worth": {"cost": COST, "co2_kg": CO2_KG}}
    async with spoilt(page, window=window, tariff=TARIFF):
        worth = page.locator(".worth")
        await expect(worth.locator("[data-worth=air] td")).to_have_text(["7368", "132"])
        await expect(worth.locator("[data-worth=machines] td")).to_have_text(["2880", "51.6"])
        await expect(worth.locator("[data-worth=total] td")).to_have_text(["10248", "184"])
        saving = worth.locator("[data-worth=saving]")
        await expect(saving.locator("td").first).to_have_text("38496 31824 … 45168")
        await expect(saving.locator("td").last).to_have_text("690 570 … 809")
        await expect(saving.locator(".origin")).to_have_text("modelled")
        for words in ("JPY", "kg", "24 JPY/kWh", "430 g CO₂/kWh", "<b>contract</b> of March"):
            await expect(worth).to_contain_text(words)
        assert await worth.locator("p b").count() == 0  # markup in the basis stays text
        assert await accessibility_mistakes(page) == []


async def test_cost_and_co2_are_those_of_the_api_and_of_the_line(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    found = await answered_once(page, PAST)
    energy = hmi.line.config.energy
    assert energy is not None
    assert found["tariff"] == energy.model_dump()
    cost = found["window"]["worth"]["cost"]["total"]
    kwh = found["window"]["air_kwh"] + found["window"]["machines_kwh"]
    assert cost == pytest.approx(kwh * energy.price_per_kwh)
    shown = f"{cost:.2f}" if cost < 100.0 else f"{cost:.0f}"
    await expect(page.locator("[data-worth=total] td").first).to_have_text(shown)
    await expect(page.locator(".worth")).to_contain_text("Assumptions of the demonstration")
    assert await breaches(page) == []


async def test_only_what_the_line_says_is_shown(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    async with spoilt(page, window=WINDOW | {"worth": None}):
        await expect(page.locator(".energy-window .figure").first).to_be_visible()
        assert await page.locator(".worth").count() == 0
        assert "CO₂" not in await page.locator("main").inner_text()
    only_co2 = TARIFF | {"price_per_kwh": None, "currency": None}
    await page.click("nav.pages a[href='/alarms']")
    async with spoilt(
        page, window=WINDOW | {"worth": {"cost": None, "co2_kg": CO2_KG}}, tariff=only_co2
    ):
        await expect(page.locator("[data-worth=air] td")).to_have_text(["132"])
        words = await page.locator(".worth").inner_text()
        assert "Cost" not in words.replace("Cost and", "")
        assert "null" not in words


async def test_where_no_saving_counts_none_is_priced(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    cost = COST | {"saving": None}
    async with spoilt(
        page, window=WINDOW | {"worth": {"cost": cost, "co2_kg": None}}, tariff=TARIFF
    ):
        await expect(page.locator("[data-worth=total]")).to_be_visible()
        assert await page.locator("[data-worth=saving]").count() == 0


async def test_without_history_the_present_is_shown_all_the_same(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    async with spoilt(page, window=None):
        await expect(page.locator(".energy-window")).to_contain_text("No history can be read")
        await expect(page.locator("[data-energy=baseline_kw]")).to_be_visible()


async def test_a_method_that_is_markup_stays_text(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/alarms")
    async with spoilt(page, method=HOSTILE):
        await expect(page.locator(".energy-baseline")).to_contain_text(HOSTILE)
        assert await page.locator("main img").count() == 0
        assert await page.evaluate("window.__hit") is None


async def test_a_silent_server_makes_the_numbers_old(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/energy")
    await page.wait_for_selector("[data-energy=air_kw][data-q=good]")
    hmi.freeze_api()
    await page.wait_for_selector(".head.old")
    await expect(page.locator("[data-energy][data-q=good]")).to_have_count(0)
    hmi.thaw_api()
    await page.wait_for_selector("[data-energy=air_kw][data-q=good]")


async def test_an_engineer_replaces_the_dry_room_and_a_later_one_is_told(
    hmi: ScreensUnderTest,
) -> None:
    page = await hmi.open("/energy", "mori")
    await page.wait_for_selector(".energy-baseline .act")
    await page.click(".energy-baseline .act")
    seen = hmi.person("mori").get("/energy/baseline").json()
    await page.fill(".replace-form input >> nth=0", "80")
    await page.fill(".replace-form .wide input", "metered in March")
    await page.fill(".twostep .field input", "our own room")
    await expect(page.locator(".twostep .proposal")).to_contain_text("80.0 kW ± 15.0 %")
    await page.click(".twostep .execute")
    await expect(page.locator("[data-energy=baseline_kw] b").first).to_have_text("80.0")
    await expect(page.locator(".energy-baseline")).to_contain_text("metered in March")
    kept = hmi.person("mori").get("/energy/baseline").json()
    assert (kept["kw"], kept["by"], kept["version"]) == (80.0, "mori", seen["version"] + 1)


async def test_an_operator_looks_at_the_dry_room_only(hmi: ScreensUnderTest) -> None:
    page = await hmi.open("/energy", "sato")
    await page.wait_for_selector(".energy-baseline .facts")
    assert await page.locator(".energy-baseline button").count() == 0


@pytest.mark.parametrize(("language", "theme"), SHOWN)
@pytest.mark.parametrize("width", [1280, 1920])
async def test_the_page_keeps_the_rules(
    hmi: ScreensUnderTest, language: str, theme: str, width: int
) -> None:
    size = {"width": width, "height": 800 if width == 1280 else 1080}
    page = await hmi.open("/alarms", language=language, theme=theme, viewport=size)
    async with spoilt(page):
        await page.wait_for_selector(".energy-course .curves")
        await page.click(".energy-window .formula summary")
        assert await accessibility_mistakes(page) == []
        assert await page.evaluate(TOO_WIDE) == 0
        await expect(page.locator(".energy-now h2")).to_contain_text(
            "現在" if language == "ja" else "Now"
        )
        await until(page, "() => !document.querySelector('main .empty[role=status]')")
        assert "energy." not in await page.locator("main").inner_text()
        assert json.dumps(await breaches(page)) == "[]"
