"""The web conserves length and mass and never mixes up metres, whatever the step lengths."""

from hypothesis import given
from hypothesis import strategies as st

from plc_sim.models.quality import Ledger
from plc_sim.models.web import LEADER_LOT, Web
from tests.support.calender_rig import film

lengths = st.floats(0.001, 0.7)
loadings = st.floats(0.1, 0.5)
pushes = st.lists(st.tuples(lengths, loadings), min_size=1, max_size=60)
moves = st.lists(st.one_of(st.tuples(lengths, loadings), lengths), min_size=1, max_size=120)
TINY = 1e-9


@given(moves)
def test_length_and_mass_are_conserved_and_order_is_kept(steps: list) -> None:
    web = Web()
    mass_in = mass_out = product_out = asked = 0.0
    next_m = 0.0
    for step in steps:
        if isinstance(step, tuple):
            web.push(film(*step))
            mass_in += step[0] * step[1]
            continue
        asked += step
        pieces = web.pop(step)
        assert abs(sum(p.length_m for p in pieces) - step) < TINY
        for piece in pieces:
            if piece.slice.lot != LEADER_LOT:
                assert abs(piece.start_m - next_m) < TINY
                next_m += piece.length_m
                product_out += piece.length_m
                mass_out += piece.length_m * piece.slice.loading_kg_m2
    assert abs(web.popped_m - asked) < TINY
    rest_m = rest_kg = 0.0
    for piece in web.pop(web.content_m + 0.5):
        if piece.slice.lot != LEADER_LOT:
            rest_m += piece.length_m
            rest_kg += piece.length_m * piece.slice.loading_kg_m2
    assert abs(product_out + rest_m - web.pushed_m) < TINY
    assert abs(mass_out + rest_kg - mass_in) < TINY


@given(moves)
def test_the_content_is_what_went_in_less_what_went_out(steps: list) -> None:
    web = Web()
    for step in steps:
        if isinstance(step, tuple):
            web.push(film(*step))
        else:
            web.pop(step)
        assert abs(web.content_m - (web.pushed_m + web.leader_m - web.popped_m)) < TINY
        assert web.content_m > -TINY


@given(pushes, lengths)
def test_every_metre_gets_its_own_loading_whatever_the_steps(
    made: list[tuple[float, float]], pop_m: float
) -> None:
    web, ledger = Web(), Ledger()
    truth: dict[int, float] = {}
    at = 0.0
    for length_m, loading in made:
        web.push(film(length_m, loading))
        start, end = at, at + length_m
        while start < end:
            number = int(start + TINY)
            part = min(end, number + 1.0) - start
            truth[number] = truth.get(number, 0.0) + part * loading
            start += part
        at = end
    while web.popped_m < web.leader_m + web.pushed_m - pop_m:
        for piece in web.pop(pop_m):
            ledger.add(piece.slice, piece.start_m, piece.length_m, 100e-6, 0.0)
    whole = [m for m in ledger.metres if m.length_m > 1.0 - 1e-6]
    assert [m.number for m in whole] == list(range(len(whole)))
    assert len(whole) >= int(at - pop_m) - 1
    for metre in whole:
        assert abs(metre.loading_mg_cm2 * 0.01 - truth[metre.number]) < 1e-6


@given(pushes, st.integers(2, 5), lengths)
def test_a_metre_never_mixes_lots_and_no_length_is_lost(
    made: list[tuple[float, float]], lots: int, pop_m: float
) -> None:
    web, ledger = Web(), Ledger()
    by_lot: dict[int, float] = {}
    for k, (length_m, loading) in enumerate(made):
        lot = 1 + k * lots // len(made)
        web.push(film(length_m, loading, lot=lot))
        by_lot[lot] = by_lot.get(lot, 0.0) + length_m
    total = web.content_m
    while web.popped_m < total + pop_m:
        for piece in web.pop(pop_m):
            ledger.add(piece.slice, piece.start_m, piece.length_m, 100e-6, 0.0)
    ledger.finish()
    assert list(ledger.lots()) == sorted(by_lot)
    for lot, length_m in by_lot.items():
        booked = sum(m.length_m for m in ledger.metres if m.lot == lot)
        assert abs(booked - length_m) < 1e-6
