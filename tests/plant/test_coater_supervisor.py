"""The supervisor of the coater begins where its recipe says, after cold and warm starts."""

import pytest

from controller.control.states import State
from controller.core.event import Verb
from plc_sim.lockstep import Lockstep
from plc_sim.score import rig

HOUR_S = 3600.0
WANTED_KJ_PER_KG = 85.0
SETTLED_S = 100.0  # the set point of L10 climbs by 2 kJ/kg a second; L11 moves every 120 s


@pytest.fixture(scope="module")
def line() -> Lockstep:
    """A line in production whose coater was started with more shear than by default."""
    found = rig(seed=7)
    found.command("coater", Verb.SET, target="COAT.SET.ENIP", value=WANTED_KJ_PER_KG)
    found.start()
    found.until_state("coater", State.EXECUTE, 2 * HOUR_S)
    return found


def test_nip_energy_of_the_recipe_is_where_production_begins(line: Lockstep) -> None:
    line.run(SETTLED_S)
    assert line.value("COAT.ENIP") == pytest.approx(WANTED_KJ_PER_KG, abs=5.0)


def test_what_the_mixer_shows_while_feed_begins_does_not_move_it(line: Lockstep) -> None:
    line.command("coater", Verb.COMPLETE)
    line.until_state("coater", State.COMPLETED, HOUR_S)
    line.command("coater", Verb.RESET)
    line.until_state("coater", State.IDLE, HOUR_S)
    line.start("coater")
    line.until_state("coater", State.EXECUTE, HOUR_S)
    line.run(SETTLED_S)
    assert line.value("COAT.ENIP") == pytest.approx(WANTED_KJ_PER_KG, abs=5.0)


def test_a_hand_on_the_nips_takes_the_supervisor_along(line: Lockstep) -> None:
    line.command("coater", Verb.MODE, target="COAT.L10", value="AUTO")
    line.command("coater", Verb.SET, target="COAT.L10.SP", value=60.0)
    line.run(30.0)
    assert line.value("COAT.L11.OP") == pytest.approx(60.0, abs=0.1)
    line.command("coater", Verb.MODE, target="COAT.L10", value="CAS")
    line.run(10.0)
    assert line.value("COAT.L10.SP") == pytest.approx(60.0, abs=1.0)
