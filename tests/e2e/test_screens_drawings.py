"""Drawings in a real browser: every value keeps inside its plate, however wide it becomes."""

import pytest

from tests.support.hmi_words import line_tags
from tests.support.screens import ScreensUnderTest, until

DRAWN = ["/", "/station/coater", "/station/calender", "/station/enclosure"]
# In the drawing's own units, for each text of a plate: [tag, text, how far it stands out].
OUTSIDE = """(widest) => [...document.querySelectorAll("svg g")].flatMap((g) => {
  const plate = g.querySelector("rect.plate")?.getBBox();
  if (!plate) return [];
  return [...g.querySelectorAll("text.num, text.unit")].flatMap((text) => {
    if (text.classList.contains("num")) {
      const digits = Number(text.dataset.digits ?? 1);
      const texts = widest[text.dataset.tag].map((v) => v.toFixed(digits));
      text.textContent = texts.sort((a, b) => b.length - a.length)[0];
    }
    const box = text.getBBox();
    const out = Math.max(plate.x - box.x, box.x + box.width - plate.x - plate.width);
    return out > 0 ? [[text.dataset.tag, text.textContent, Math.round(out)]] : [];
  });
})"""

WORDLESS = """() => document.querySelector(".mimic text.unit")
  ? [...document.querySelectorAll(".mimic text.unit")].filter((e) => !e.textContent.trim()).length
  : NaN"""
DOING = """async (now) => {
  const { doing } = await import("/screens/overview.js");
  return doing(now);
}"""


@pytest.mark.parametrize("path", DRAWN)
async def test_a_value_and_its_unit_keep_inside_their_plate(
    hmi: ScreensUnderTest, path: str
) -> None:
    page = await hmi.open(path)
    await until(page, f"() => ({WORDLESS})() === 0")
    widest = {name: [tag.low, tag.high] for name, tag in line_tags().items()}
    outside = await page.evaluate(OUTSIDE, widest)
    assert outside == [], outside


@pytest.mark.parametrize(
    ("state", "words"),
    [("EXECUTE", "Runs until a command comes"), ("STOPPED", "Waits for a command")],
)
async def test_a_station_whose_start_is_over_is_not_said_to_be_complete(
    hmi: ScreensUnderTest, state: str, words: str
) -> None:
    page = await hmi.open("/")
    now = {"controlled": True, "state": state, "step": "", "reason": "complete"}
    assert await page.evaluate(DOING, now) == words
    assert await page.evaluate(DOING, now | {"reason": "trip"}) == "trip"
