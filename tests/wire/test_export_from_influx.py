"""An export does not care whether its history comes from the local store or from a server."""

import pyarrow.parquet as pq
import pytest

from controller.clock import NS
from controller.core.event import Event, EventKind
from controller.export import layouts
from controller.export.choice import choose
from controller.export.exporting import Form, Layout, Order, events_path, export
from controller.export.layouts import Extent
from controller.export.moments import window_of
from tests.support.history import MINUTE_NS, T0_NS, make_tag
from tests.support.influx_replica import Replica, settings_of
from tests.support.influx_server import InfluxServer, PathMapper

N = 500


@pytest.fixture(scope="module")
def replica(tmp_path_factory):
    """Two tags for some minutes, with Uncertain and Bad samples, and events."""
    rows = []
    for k in range(N):
        quality = {0: 65, 1: 130}.get(k % 50, 0)
        rows.append((k % 2, k / 8, quality, T0_NS + k * NS + k))
    events = [
        Event(time_ns=T0_NS + k, kind=EventKind.ALARM, station="cell", subject="A", text=f"{k}")
        for k in range(20)
    ]
    with (
        InfluxServer(tmp_path_factory.mktemp("influx")) as server,
        PathMapper(server.url) as mapper,
    ):
        server.create("line")
        folder = tmp_path_factory.mktemp("local")
        tags = [make_tag("A"), make_tag("B")]
        with Replica(folder, settings_of(mapper.url), tags) as made:
            made.write(rows, events)
            yield made


def exported(source, path, every_ns=0, layout=Layout.LONG):
    tags = choose(source.tags(), (), (), source.tag)
    start_ns, stop_ns = window_of(source, tags)
    extent = Extent(tags=tags, start_ns=start_ns, stop_ns=stop_ns)
    extent = extent.in_steps(every_ns) if every_ns else extent
    order = Order(extent=extent, form=Form.PARQUET, layout=layout, events=True)
    export(source, order, path)
    return pq.read_table(path).to_pylist(), pq.read_table(events_path(path, Form.PARQUET))


@pytest.mark.parametrize(
    ("every_ns", "layout"),
    [(0, Layout.LONG), (0, Layout.WIDE), (MINUTE_NS, Layout.LONG), (MINUTE_NS, Layout.WIDE)],
)
def test_an_export_from_a_server_is_that_from_the_store(
    replica, tmp_path, monkeypatch, every_ns, layout
):
    monkeypatch.setattr(layouts, "PAGE", 64)
    local, local_events = exported(replica.local, tmp_path / "l.parquet", every_ns, layout)
    server, server_events = exported(replica.server, tmp_path / "s.parquet", every_ns, layout)
    for row in (*local, *server):
        row.pop("bad_value", None)  # a server is sent no value of a Bad sample
    assert len(local) > 5
    for a, b in zip(local, server, strict=True):
        assert {k: v for k, v in a.items() if not isinstance(v, float)} == {
            k: v for k, v in b.items() if not isinstance(v, float)
        }
        floats = {k: v for k, v in a.items() if isinstance(v, float)}
        assert {k: b[k] for k in floats} == pytest.approx(floats, rel=1e-9)
    assert server_events.equals(local_events)
