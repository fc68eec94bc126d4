"""Every alarm of every station kind: it can be judged, and it asks for an action."""

import importlib
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from controller.alarms.board import AlarmBoard
from controller.alarms.catalogue import OWN, line_alarms, rows_of, station_alarms
from controller.alarms.definition import AlarmDefinition, Measure, Priority
from controller.alarms.limit import Level
from controller.config import load_line
from controller.control.states import State
from controller.core.tag import Kind, Writer
from controller.line import OWN as LINE_STATION
from controller.line import tag_table
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary

ROOT = Path(__file__).resolve().parents[2]
CONFIG = load_line(ROOT / "controller" / "lines" / "pilot")
TAGS = tag_table(CONFIG)
KINDS = {s.kind: s for s in CONFIG.stations}
KINDS_WITH_TABLE = sorted(
    p.stem for p in (ROOT / "controller" / "stations").glob("*.py")
    if p.stem not in ("__init__", "common")
)  # fmt: skip


@cache
def of_station(kind: str) -> tuple[AlarmDefinition, ...]:
    s = KINDS[kind]
    return station_alarms(kind, s.name, s.prefix)


ALL = [
    *(d for kind in KINDS for d in of_station(kind)),
    *line_alarms("LINE", ["influx"]),
]


@pytest.mark.parametrize("kind", KINDS_WITH_TABLE)
def test_every_station_kind_has_a_table(kind):
    assert rows_of(kind)


def test_ids_and_catalogue_keys_are_unique():
    for names in ([d.id for d in ALL], [d.key for d in ALL]):
        assert [n for n, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("d", ALL, ids=lambda d: d.id)
def test_an_alarm_without_an_operator_action_is_an_event(d):
    for text in (d.text, d.cause, d.consequence, d.action):
        assert len(text.split()) >= 2
        assert text == text.strip()
        assert not text.endswith(".")
    assert len(d.text) <= 60
    assert not re.match(r"(none|no action|nothing|observe|-)\b", d.action)
    assert 10.0 <= d.respond_s <= 8 * 3600.0
    assert d.action not in (d.text, d.cause, d.consequence)


@pytest.mark.parametrize("d", ALL, ids=lambda d: d.id)
def test_the_graver_an_alarm_the_sooner_somebody_must_act(d):
    longest = {1: 120.0, 2: 900.0, 3: 3600.0, 4: 8 * 3600.0}
    assert d.respond_s <= longest[d.priority]


def test_few_alarms_are_grave():
    counted = Counter(d.priority for d in ALL)
    assert counted[Priority.CRITICAL] / len(ALL) <= 0.06
    assert counted[Priority.HIGH] / len(ALL) <= 0.16


@pytest.mark.parametrize("kind", KINDS)
def test_every_tag_of_the_table_exists(kind):
    names = {t.name for t in TAGS.tags}
    assert {tag for d in of_station(kind) for tag in d.tags} - names == set()


def test_every_figure_of_the_line_exists():
    names = {f"LINE.{t.name.removeprefix('LINE.')}" for t in TAGS.tags if t.station == LINE_STATION}
    assert {tag for d in line_alarms("LINE") for tag in d.tags} <= names


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_lie_within_reach_of_their_limits(kind):
    known = {t.name: t for t in TAGS.tags}
    for d in of_station(kind):
        tag = known.get(d.tag)
        if tag is None or d.limit is None or d.measure is not Measure.VALUE:
            continue
        assert tag.low <= d.limit <= tag.high, d.id
        if tag.kind is Kind.REAL:
            assert d.unit == tag.unit, d.id


@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_a_tag_rise_from_lolo_to_hihi_and_can_clear(kind):
    by_value: dict[tuple[str, Measure], dict[str, AlarmDefinition]] = {}
    for d in of_station(kind):
        if d.limit is not None:
            by_value.setdefault((d.tag, d.measure), {})[d.name] = d
    for limits in by_value.values():
        ordered = [limits[n] for n in ("lolo", "lo", "hi", "hihi") if n in limits]
        for below, above in pairwise(ordered):
            assert below.limit < above.limit, above.id
            if not below.above and above.above:
                assert above.limit - above.deadband > below.limit + below.deadband, above.id


@pytest.mark.parametrize("kind", KINDS)
def test_every_alarmed_tag_of_the_plc_has_an_alarm_for_bad_values(kind):
    alarms = of_station(kind)
    bad = {d.tag for d in alarms if d.measure is Measure.QUALITY}
    known = {t.name: t for t in TAGS.tags}
    own = {KINDS[kind].prefix + tag for tag in OWN}
    measured = {
        tag for d in alarms for tag in d.tags
        if tag not in own and tag in known and known[tag].writer is Writer.DEVICE
    }  # fmt: skip
    assert measured == bad


def test_no_limit_of_a_shipped_recipe_is_without_an_alarm_of_its_own():
    store = RecipeLibrary(ROOT / "recipes", recipe_kinds(CONFIG))
    known = {kind: {d.id for d in of_station(kind)} for kind in KINDS}
    unknown = [
        f"{own}: {full}.{level.value}"
        for own in (listed.id for listed in store.every())
        for tag, limits in store.load(own).recipe.limits.items()
        for full in [KINDS[own.kind].prefix + tag if tag[0] == "." else tag]
        for level in Level
        if getattr(limits, level.value) is not None
        and f"{full}.{level.value}" not in known[own.kind]
    ]
    assert unknown == []


def test_texts_name_no_state_that_suppresses_everything():
    """An alarm that is suppressed in every state could never come."""
    assert [d.id for d in ALL if d.suppressed_in == frozenset(State)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_board_takes_the_whole_table(kind):
    s = KINDS[kind]
    region = TAGS.region(s.name)
    board = AlarmBoard(
        of_station(kind), TAGS.tags[region.start : region.stop], f"{s.prefix}.LINK.UP"
    )
    assert board.missing == ()
    assert len(board.alarms) >= 25


def test_a_kind_without_a_table_has_the_alarms_of_every_station():
    ids = {d.id for d in station_alarms("slitter", "slitter", "SLIT")}
    assert {"SLIT.LINK.AGE.hi", "SLIT.LINK.AGE.hihi", "SLIT.TRIP.tripped"} <= ids


# The table of alarms of the process description, row by row: id, limit, dead-band, on-delay.
PROCESS = """
ENC.DP.ZONE.hi -62 1 60
ENC.DP.ZONE.hihi -60 1 20
ENC.DP.ZONE.stop -50 1 20
ENC.DP.SUP.hi -2 1 120
ENC.DP.SUP.hihi 2 1 120
ENC.PRESS.PV.lolo 5 5 2
ENC.PRESS.PV.lo 20 5 10
ENC.PRESS.PV.hi 100 5 10
ENC.PRESS.PV.hihi 150 5 2
ENC.H2S.hi 1 0.3 0
ENC.H2S.hihi 5 0.3 0
ENC.H2S.trip 10 0.3 0
ENC.O2.lolo 18 0.3 0
ENC.O2.lo 19.5 0.3 0
ENC.O2.hi 23.5 0.3 0
ENC.TEMP.PV.lolo 15 0.5 60
ENC.TEMP.PV.lo 18 0.5 60
ENC.TEMP.PV.hi 28 0.5 60
ENC.TEMP.PV.hihi 32 0.5 60
DHU.TREG.PV.lo -15 3 10
DHU.TREG.PV.hi 190 3 10
DHU.TREG.PV.hihi 205 3 10
DHU.FREG.PV.lolo 25 5 5
DHU.FREG.PV.lo -15 5 5
DHU.ROT.still 2 0 0
DHU.DPFILT.hi 350 20 60
DHU.DPFILT.hihi 500 20 60
COAT.FEED.PV.lo -2 1 15
COAT.TORQUE.lo 15 3 5
COAT.TORQUE.hi 85 3 5
COAT.TORQUE.hihi 95 3 5
COAT.TBARREL.PV.lolo 12 1 30
COAT.TBARREL.PV.lo 18 1 30
COAT.TBARREL.PV.hi 90 1 30
COAT.TBARREL.PV.hihi 110 1 30
COAT.GAP1.PV.lolo 40 2 1
COAT.GAP1.PV.lo 60 2 1
COAT.TENS.FILM.lolo 0.3 0.2 0.5
COAT.TENS.FILM.lo 0.8 0.2 0.5
COAT.TENS.FILM.hi 4 0.2 0.5
COAT.TENS.FILM.hihi 6 0.2 0.5
CAL.LOAD.PV.lolo 30 10 1
CAL.LOAD.PV.lo 100 10 1
CAL.LOAD.PV.hi 1000 10 1
CAL.LOAD.PV.hihi 1200 10 1
CAL.LOADDIFF.hi 5 1 2
CAL.LOADDIFF.hihi 10 1 2
CAL.TROLL.U.lo -3 1 60
CAL.TROLL.U.hi 130 1 60
CAL.TROLL.U.hihi 150 1 60
CAL.TROLL.L.lo -3 1 60
CAL.TROLL.L.hi 130 1 60
CAL.TROLL.L.hihi 150 1 60
CAL.THK.C.lo -3 0.5 20
CAL.THK.C.hi 3 0.5 20
CAL.THK.C.hihi 6 0.5 20
BUF.POS.lolo 5 3 2
BUF.POS.lo 15 3 2
BUF.POS.hi 85 3 2
BUF.POS.hihi 95 3 2
ENC.LINK.AGE.hi 3 0 0
ENC.LINK.AGE.hihi 10 0 0
COAT.LINK.AGE.hi 3 0 0
COAT.LINK.AGE.hihi 10 0 0
CAL.LINK.AGE.hi 3 0 0
CAL.LINK.AGE.hihi 10 0 0
"""


@pytest.mark.parametrize("row", PROCESS.split("\n")[1:-1], ids=lambda row: row.split()[0])
def test_the_alarms_of_the_process_are_all_there(row):
    alarm, *numbers = row.split()
    d = next(d for d in ALL if d.id == alarm)
    assert (d.limit, d.deadband, d.on_delay_s) == tuple(float(n) for n in numbers)
    upper = d.name in ("hi", "hihi", "stop", "trip", "still")
    assert d.above is upper


def test_tables_of_the_kinds_are_found_by_their_name():
    for kind in KINDS:
        assert importlib.import_module(f"controller.alarms.kinds.{kind}").ALARMS
