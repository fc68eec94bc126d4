"""What a link must not believe, repeat late or keep to itself: restarts, lost writes, old news."""

import numpy as np

from controller.clock import ManualClock
from controller.control.states import State
from controller.core.event import EventKind, Verb
from controller.core.sample import Samples
from controller.drivers.memory import LinkFault
from controller.drivers.opcua_image import CATCH_UP_S, DeviceImage
from tests.support.opcua_peers import small_map
from tests.support.tiny_station import Bench
from tests.support.virtual_line import VirtualLine

NS = 1_000_000_000


async def test_a_restart_of_the_plc_under_an_open_connection_is_seen(tmp_path):
    async with VirtualLine(tmp_path) as line:
        await line.start("enclosure")
        line.plcs["enclosure"].restart()
        await line.pass_time(3.0)
        assert "PLC restarted (boot 2)" in line.told("enclosure", EventKind.DEVICE)
        assert line.state("enclosure") is State.HELD
        assert len(line.drivers["enclosure"]) == 2  # read in full by a fresh driver


async def test_a_set_point_lost_with_the_link_is_told_and_refused_while_it_is_down(tmp_path):
    async with VirtualLine(tmp_path) as line:
        await line.start("enclosure")
        held = line.held("enclosure", "ENC.PRESS.SP")
        line.cut("enclosure", LinkFault.SILENT, 3.0)
        answer = await line.ask("enclosure", Verb.SET, "ENC.PRESS.SP", held + 9.0)
        assert answer.accepted  # nobody knows of the loss yet
        await line.pass_time(1.5)
        answer = await line.ask("enclosure", Verb.SET, "ENC.PRESS.SP", held + 9.0)
        assert answer.reasons == ("ENC.PRESS.SP: the link to the PLC is down",)
        await line.pass_time(4.0)
        assert line.held("enclosure", "ENC.PRESS.SP") == held
        text = f"ENC.PRESS.SP = {held + 9:g} did not arrive, the PLC holds {held:g}"
        assert text in line.told("enclosure", EventKind.DEVICE)


def test_what_loops_and_formulas_move_is_not_told_as_lost():
    bench = Bench()
    bench.start()
    bench.run(5.0)
    bench.lose()
    bench.scan()
    bench.plc(OUT_SP_RB=20.0, ECHO_SP_RB=1.0, FREE_SP_RB=7.0)
    bench.events.clear()
    bench.adopt()
    assert not bench.told(EventKind.DEVICE)


def taken(device: DeviceImage, rows, raw, status, source_ns, *, stamped: bool) -> Samples:
    columns = (np.array(c, t) for c, t in zip(
        (rows, raw, status, source_ns), (np.int64, np.float64, np.uint32, np.int64), strict=True
    ))  # fmt: skip
    return device.samples(*columns, stamped=stamped)


def image() -> tuple[DeviceImage, ManualClock]:
    points = small_map()
    names = [tag.name for point in points for tag in point.tags()]
    clock = ManualClock(t_s=100.0)
    made = DeviceImage(points, {name: k for k, name in enumerate(names)}, clock, 10.0)
    made.start()
    return made, clock


def test_news_from_before_a_full_read_is_left_out():
    device, clock = image()
    rows = range(len(device.points))
    read_ns = clock.utc_ns()
    taken(device, rows, [1.0] * len(rows), [0] * len(rows), [read_ns] * len(rows), stamped=False)
    clock.t_s += 0.1
    queued = [read_ns - NS // 10, read_ns, read_ns + NS // 10]
    samples = taken(device, [0, 0, 0], [9.0, 1.0, 2.0], [0] * 3, queued, stamped=True)
    assert samples.values.tolist() == [2.0]
    undated = taken(device, [1], [3.0], [0], [0], stamped=True)
    assert undated.values.tolist() == [3.0]


def test_a_clock_that_steps_back_does_not_silence_the_device_for_long():
    device, clock = image()
    rows = range(len(device.points))
    read_ns = clock.utc_ns()
    taken(device, rows, [1.0] * len(rows), [0] * len(rows), [read_ns] * len(rows), stamped=False)
    clock.t_s += CATCH_UP_S
    samples = taken(device, [0], [5.0], [0], [read_ns - 30 * NS], stamped=True)
    assert samples.values.tolist() == [5.0]
    assert (samples.time_ns > read_ns).all()


async def test_confirmation_of_the_image_does_not_overtake_what_is_under_way(tmp_path):
    async with VirtualLine(tmp_path, ("enclosure",)) as line:
        region = line.line.table.region("enclosure")
        times = line.line.table.time_ns[region.start : region.split]
        known_ns = int(times.max())
        times[:] = known_ns - NS
        times[3] = known_ns
        recorded = []
        line.recorder.record = recorded.append
        line.line._links["enclosure"]._confirm()
        (image,) = recorded
        assert set(image.time_ns.tolist()) == {known_ns}  # not now: news may be on its way
        assert len(image) == len(times) - 1
        assert region.start + 3 not in image.tags  # that one has its sample of this time
