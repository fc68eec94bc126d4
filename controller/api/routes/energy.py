"""Energy: powers now, energies of a window, and the dry room that they are compared with."""

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import ValidationError

from controller.access.demands import Act
from controller.access.identity import require_act
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.energy import now_of, window_of
from controller.api.energy_baseline import Baseline, BaselineStore
from controller.api.energy_worth import worth_of
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.audit.record import Category, Entry, Result
from controller.core.errors import StoreError
from controller.history.several import MergedReader
from controller.queries.asks import WindowAsk
from controller.run_folder import histories

routes = Routes("energy")
_SAVING = {"share": 0.86, "low": 0.83, "high": 0.88}
_BASELINE = {
    "kw": 92.7, "uncertainty_pct": 15.0, "method": "mean power of ...", "limit_degc": -60.0,
    "version": 0, "by": "eva", "reason": "measured in March", "since_ns": 1795317022000000000,
}  # fmt: skip
_ENERGY = {
    "t": 1795317022515,
    "now": {"air_kw": 12.8, "machines_kw": 5.1, "baseline_kw": 92.7, "saving_kw": 79.9,
            "saving": _SAVING, "frost_point_degc": -61.2,
            "consumers": [{"tag": "DHU.PWR.REG", "station": "enclosure",
                           "text": "regeneration power", "air": True, "kw": 8.1}]},
    "baseline": _BASELINE,
    "tariff": {"price_per_kwh": 24.0, "currency": "JPY", "co2_g_per_kwh": 430.0,
               "basis": "contract of 2026; mean of the grid"},
    "window": {
        "start_ns": 1795230622000000000, "stop_ns": 1795317022000000000, "resolution_s": 60.0,
        "air_kwh": 307.0, "machines_kwh": 120.0, "known_s": 86400.0, "counted_s": 80000.0,
        "counted_air_kwh": 284.0, "baseline_kwh": 2060.0,
        "saving_kwh": {"mean": 1776.0, "low": 1467.0, "high": 2085.0}, "saving": _SAVING,
        "worth": {"cost": {"air": 7368.0, "machines": 2880.0, "total": 10248.0,
                           "saving": {"mean": 42624.0, "low": 35208.0, "high": 50040.0}},
                  "co2_kg": None},
        "frost_point": {"known_s": 86400.0, "above_s": 6400.0, "width": 2.0,
                        "histogram": [[-62.0, 80000.0]],
                        "above": [{"begin_ns": 1795230622000000000,
                                   "end_ns": 1795237022000000000, "worst": -41.0}]},
    },
}  # fmt: skip
Moment = Annotated[str, Query(max_length=60, description="a point in time, as in history")]


@routes.get("/energy", Act.LOOK, codes=("question", "history"), answers=json_of(_ENERGY))
async def energy(parts: OfParts, start: Moment = "-24h", stop: Moment = "now") -> Response:
    """Powers now and energies of a window, measured; the dry room, assumed; the saving with how
    uncertain that makes it. Only time counts in which every power was known and the frost point in
    its limit; `window` is null where no history can be read. `tariff` and `worth`, cost and CO2,
    are null where [energy] of line.toml does not say them."""
    ask = _asked(start, stop, parts.now_ns())
    tags, store = parts.energy, BaselineStore(parts.given.run)
    baseline = await parts.pools.files.do(store.read)
    taken_ms = parts.now_ns() // 1_000_000  # before the history is read, which may take its time
    kw = {c.tag: _number(parts, c.tag) for c in tags.consumers}
    tariff = parts.given.config.energy
    now = now_of(tags, kw, baseline) | {"frost_point_degc": _number(parts, tags.frost_point)}

    def read() -> dict[str, Any] | None:
        given = parts.given
        try:
            with MergedReader(histories(given.config, given.run)) as source:
                found = window_of(tags, ask, source, parts.now_ns(), baseline)
                return found | {"worth": worth_of(found, tariff)}
        except StoreError:  # what is measured now is shown all the same
            return None

    window = await parts.pools.history.do(read)
    return answer({
        "t": taken_ms, "now": now, "baseline": baseline.model_dump(),
        "tariff": tariff and tariff.model_dump(), "window": window,
    })  # fmt: skip


@routes.get("/energy/baseline", Act.LOOK, codes=("store",), answers=json_of(_BASELINE))
async def shown(parts: OfParts) -> Response:
    """The dry room that the enclosure is compared with; its version is the ETag."""
    store = BaselineStore(parts.given.run)
    found = await parts.pools.files.do(store.read)
    return answer(found.model_dump(), ETag=f'"{found.version}"')


@routes.put("/energy/baseline", Act.TUNE, codes=("changed", "reason", "store"),
            answers=json_of(_BASELINE))  # fmt: skip
async def replace(body: bodies.EnergyBaseline, by: By, parts: OfParts) -> Response:
    """Compare with another dry room from now on, and for all the past; who says so is recorded."""
    require_act(by, Act.TUNE, body.reason)
    store = BaselineStore(parts.given.run)
    before = await parts.pools.files.do(store.read)
    new = Baseline(
        kw=body.kw, uncertainty_pct=body.uncertainty_pct, method=body.method,
        limit_degc=body.limit_degc, by=by.actor.name, reason=body.reason.strip(),
        since_ns=parts.now_ns(),
    )  # fmt: skip
    await parts.recording.append(
        Entry(
            category=Category.SETTING, action="energy baseline", actor=by.actor.name,
            source=by.actor.source, old=before.kw, new=new.kw, reason=body.reason,
            result=Result.ACCEPTED, detail=f"+-{new.uncertainty_pct:g} %: {new.method}",
        )
    )  # fmt: skip
    kept = await parts.pools.files.do(store.replace, new, body.expected)
    return answer(kept.model_dump(), ETag=f'"{kept.version}"')


def _asked(start: str, stop: str, now_ns: int) -> WindowAsk:
    """The window, if it is one."""
    try:
        ask = WindowAsk(start=start, stop=stop)
        ask.window(now_ns)
    except ValidationError as error:
        told = [f"{e['loc'][0]}: {e['msg']}" for e in error.errors()]
        raise Problem("question", told) from None
    except ValueError as error:
        raise Problem("question", [str(error)]) from None
    return ask


def _number(parts: Parts, tag: str) -> float | None:
    found = parts.changes.value(tag)
    return found if isinstance(found, float) else None
