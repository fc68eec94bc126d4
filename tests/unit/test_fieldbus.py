"""The field bus: what one end writes the other reads, over the life and death of both."""

import pytest

from plc_sim.fieldbus import FAULTS, FieldBus


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "coater.bus"


def test_both_ends_see_each_other(path):
    with FieldBus(path, 3, 2) as plant, FieldBus(path, 3, 2) as plc:
        assert not plc.alive
        plant.show(12.5, 250, [1.5, 2.5, 3.5], [0, 1, 3])
        assert plc.alive
        assert plc.readings() == ([1.5, 2.5, 3.5], [0, 1, 3])
        plc.drive([7.0, 8.0])
        assert plant.outputs() == [7.0, 8.0]
        assert plant.cycle == 1.0
        plc.drive([7.0, 9.0])
        assert (plant.outputs(), plant.cycle) == ([7.0, 9.0], 2.0)


def test_cells_do_not_overlap(path):
    with FieldBus(path, 2, 2) as bus:
        bus.show(1.0, 1, [1.0, 2.0], [3, 2])
        bus.drive([5.0, 6.0])
        for k, name in enumerate(FAULTS):
            bus.set_fault(name, 10.0 + k)
        bus.count_boot()
        assert bus.readings() == ([1.0, 2.0], [3, 2])
        assert bus.outputs() == [5.0, 6.0]
        assert bus.faults() == [10.0 + k for k in range(len(FAULTS))]
        assert (bus.cycle, bus.alive) == (1.0, True)


def test_a_fault_the_wire_does_not_know_is_an_error(path):
    with FieldBus(path, 1, 1) as bus, pytest.raises(ValueError, match="not in tuple"):
        bus.set_fault("glove_tear", 1.0)


def test_what_was_written_survives_both_ends(path):
    with FieldBus(path, 1, 1) as bus:
        bus.show(1.0, 1, [4.0], [0])
        bus.drive([5.0])
        assert bus.count_boot() == 1
    with FieldBus(path, 1, 1) as bus:
        assert bus.readings() == ([4.0], [0])
        assert bus.outputs() == [5.0]
        assert bus.count_boot() == 2


def test_another_size_starts_anew(path):
    with FieldBus(path, 1, 1) as bus:
        bus.show(1.0, 1, [4.0], [0])
    with FieldBus(path, 2, 1) as bus:
        assert not bus.alive
        assert bus.readings() == ([0.0, 0.0], [0, 0])


def test_clear_forgets_everything_but_the_boots(path):
    with FieldBus(path, 1, 1) as bus:
        bus.show(1.0, 1, [4.0], [1])
        bus.drive([5.0])
        bus.set_fault("comm_drop", 1.0)
        bus.count_boot()
        bus.clear()
        assert not bus.alive
        assert (bus.readings(), bus.outputs(), bus.cycle) == (([0.0], [0]), [0.0], 0.0)
        assert set(bus.faults()) == {0.0}
        assert bus.count_boot() == 2  # a controller that outlived the plant must see it


def test_a_closed_bus_can_be_closed_again(path):
    bus = FieldBus(path, 1, 1)
    bus.close()
    bus.close()
