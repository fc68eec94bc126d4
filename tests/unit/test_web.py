"""The web queue: order, metres, dancer, leader, dose."""

import pytest

from plc_sim.models.web import LEADER_LOT, PATH_M, STROKE_M, Web
from tests.support.calender_rig import film

LEADER_M = PATH_M + 0.5 * STROKE_M  # what lies in front of the first metre


def test_a_new_web_holds_leader_and_the_dancer_stands_in_the_middle() -> None:
    web = Web()
    assert web.position == pytest.approx(0.5)
    assert web.content_m == pytest.approx(LEADER_M)


def test_leader_is_fed_for_as_long_as_the_coater_has_made_nothing() -> None:
    web = Web()
    for _ in range(1000):
        (piece,) = web.pop(0.1)
        assert piece.slice.lot == LEADER_LOT
    assert web.position == pytest.approx(0.5)
    assert web.popped_m == pytest.approx(100.0)


def test_once_the_coater_pushes_the_dancer_follows_the_difference_of_the_lengths() -> None:
    web = Web()
    web.push(film(2.0))
    web.pop(1.0)
    assert web.position == pytest.approx(0.6)
    web.pop(3.0)
    assert web.position == pytest.approx(0.3)


def test_the_first_metre_arrives_behind_the_leader() -> None:
    web = Web()
    web.push(film(1.0))
    pieces = web.pop(LEADER_M + 0.25)
    assert [p.slice.lot for p in pieces] == [LEADER_LOT, 1]
    assert pieces[1].length_m == pytest.approx(0.25)
    assert pieces[1].start_m == pytest.approx(0.0)
    (piece,) = web.pop(0.25)
    assert piece.start_m == pytest.approx(0.25)


def test_a_pop_over_several_slices_gives_a_piece_of_each_in_order() -> None:
    web = Web()
    for k in range(4):
        web.push(film(0.5, 0.30 + 0.01 * k))
    web.pop(LEADER_M + 0.4)
    pieces = web.pop(1.3)
    assert [round(p.slice.loading_kg_m2, 2) for p in pieces] == [0.30, 0.31, 0.32, 0.33]
    assert [p.length_m for p in pieces] == pytest.approx([0.1, 0.5, 0.5, 0.2])
    assert [p.start_m for p in pieces] == pytest.approx([0.4, 0.5, 1.0, 1.5])


def test_an_empty_queue_gives_leader_and_the_dancer_lies_at_its_lower_end() -> None:
    web = Web()
    web.push(film(1.0))
    pieces = web.pop(LEADER_M + 3.0)
    assert [p.slice.lot for p in pieces] == [LEADER_LOT, 1, LEADER_LOT]
    assert pieces[-1].length_m == pytest.approx(2.0)
    assert web.position == pytest.approx(0.0)


def test_spliced_leader_brings_the_dancer_back_and_feeds_on_when_nothing_else_is_left() -> None:
    web = Web()
    web.push(film(1.0))
    web.pop(LEADER_M + 1.5)
    web.splice_leader()
    assert web.position == pytest.approx(0.5)
    web.pop(50.0)
    assert web.position == pytest.approx(0.5)


def test_splicing_leader_behind_product_does_not_hide_a_coater_that_stands() -> None:
    web = Web()
    web.push(film(1.0))
    web.pop(4.0)
    web.splice_leader()
    web.pop(1.0)
    assert web.position == pytest.approx(0.4)


def test_splicing_never_shortens_the_web() -> None:
    web = Web(position=0.9)
    web.splice_leader(0.5)
    assert web.position == pytest.approx(0.9)


def test_foil_without_film_takes_part_in_the_length_and_gets_no_metre_number() -> None:
    web = Web()
    web.push_leader(2.0)
    assert web.position == pytest.approx(0.7)
    web.push(film(1.0))
    assert web.pushed_m == pytest.approx(1.0)
    pieces = web.pop(LEADER_M + 2.5)
    assert pieces[-1].slice.lot == 1
    assert pieces[-1].start_m == pytest.approx(0.0)
    assert pieces[-1].length_m == pytest.approx(0.5)


def test_dose_is_what_the_slice_brought_and_what_the_air_added_since() -> None:
    web = Web()
    web.expose(10.0, 600.0)
    early = film(1.0, dose=5.0)
    web.push(early)
    web.expose(10.0, 120.0)
    late = film(1.0, dose=5.0)
    web.push(late)
    web.expose(30.0, 60.0)
    assert web.dose_ppm_min(early) == pytest.approx(5.0 + 20.0 + 30.0)
    assert web.dose_ppm_min(late) == pytest.approx(5.0 + 30.0)


@pytest.mark.parametrize("length_m", [0.0, -1.0, float("nan"), float("inf")])
def test_a_slice_without_a_length_is_refused(length_m: float) -> None:
    web = Web()
    with pytest.raises(ValueError, match="slice length"):
        web.push(film(length_m))
    assert web.pushed_m == 0.0
