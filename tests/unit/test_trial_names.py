"""Trials of several stations: each has a name of its own station."""

import asyncio
from pathlib import Path

import pytest

from controller.config import load_line
from tests.support.creep_recipes import make_recipes
from tests.support.desk_line import DeskLine, at_once
from tests.support.virtual_line import SHIPPED


async def test_trial_is_named_after_its_own_station_whatever_the_others_tried_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    make_recipes(tmp_path / "recipes", load_line(SHIPPED))
    async with DeskLine(tmp_path, ("enclosure", "coater")) as line:
        for station, recipe in (("enclosure", "standard@1.1.0"), ("coater", "nmc-standard@1.1.0")):
            begun = await line.done(
                "trial", station=station, recipe=recipe, question="which name?", minutes=2.0
            )
            assert begun["trial"].startswith(f"trial-{station}-")
