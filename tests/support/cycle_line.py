"""Lines for the benchmark of cycles: any number of stations with four loops each.

    python -m tests.support.cycle_line [--store TAGS] controller|api ...

is the program of Dryline, which then also knows their station kind. --store: the historian of the
controller is given so many more tags, ten samples of each a second.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from controller import config, process
from controller.control.loop import Loop
from controller.control.pid import Pid
from controller.control.pid_config import Direction, PidConfig
from controller.control.procedure import Step
from controller.control.states import State
from controller.control.station import Station
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.line import Line, history_tags
from controller.line_file import Modules
from controller.stations.common import PLC_READY, Mode, usual_steps
from controller.supervise import Supervisor

KIND = "four_loops"
NAMESPACE = "urn:dryline:cycle"
LOOPS = range(1, 5)
PERIOD_S = 0.1
GAIN = 2.0
MIDDLE = 50.0
SHAKEN, SHAKE = "L4", 0.5  # of the output; clear of resolution and deadband
NEVER_S = 1e6
_WORDS = ("HEART", "BOOT", "STATE", "MAP", "TRIP", "SEQ", "REJECTS")
_ABOUT = ("tag", "station", "description", "unit", "low", "high", "type", "access", "address")
_COLUMNS = (*_ABOUT, "wire", "scale", "scan_s", "resolution", "deadband", "max_interval_s",
            "default", "labels", "rate_per_s")  # fmt: skip
_MODES = "stop|warm-up|thread|run|hold"


class FourLoops(Station):
    """Four loops. Of the first MV = 50 + GAIN * (50 - PV), so that it tells which PV it has seen;
    the others integrate; the last is shaken as well, so that every scan has something to write,
    whether the PLC has shown a new PV since the one before or not."""

    _shaken = SHAKE

    @classmethod
    def loops_of(cls, prefix: str) -> dict[str, Loop]:
        """PVk drives MVk."""
        return {f"L{k}": _loop(prefix, k) for k in LOOPS}

    def steps(self) -> Mapping[State, Sequence[Step]]:
        """Started at once."""
        run = Step(
            name="run", enter=lambda: self.put(self.at(".CMD"), float(Mode.RUN)), timeout_s=60.0
        )
        usual = usual_steps(self, stop_s=20.0, hold=Mode.HOLD, resume=(run,))
        return {**usual, State.STARTING: (run,)}

    def start_permissives(self) -> Any:
        """As of every station."""
        return PLC_READY

    def control(self, now_s: float) -> None:
        """All loops."""
        self._shaken = -self._shaken
        for name, loop in self.loops.items():
            loop.scan(now_s, self.v, self.q, ff=self._shaken if name == SHAKEN else 0.0)


def _loop(prefix: str, k: int) -> Loop:
    pid = Pid(
        PidConfig(
            name=f"loop {k}", kc=GAIN, ti_s=NEVER_S if k == 1 else 60.0, period_s=PERIOD_S,
            direction=Direction.REVERSE,
            out_low=0.0, out_high=100.0, sp_low=0.0, sp_high=100.0, sp=50.0,
        )
    )  # fmt: skip
    return Loop(f"{prefix}.L{k}", pid, pv=f"{prefix}.PV{k}", out=f"{prefix}.MV{k}")


def install() -> None:
    """Make the kind known in this process, as if it were a file among the others."""
    module = ModuleType(f"controller.stations.{KIND}")
    vars(module).update(Station=FourLoops)
    formula = ModuleType(f"controller.formulas.{KIND}")
    vars(formula).update(PARAMETERS=(), RULES=(), INTERLOCKS={})
    for one in (module, formula):
        sys.modules[one.__name__] = one
    plain = config.installed_modules

    def with_ours() -> Modules:
        found = plain()
        return replace(found, kinds=(*found.kinds, KIND))

    config.installed_modules = with_ours


def write_line(folder: Path, protocol: str, ports: Sequence[int], **line: object) -> Path:
    """line.toml and I/O list of a station for each port; line: more keys of its first section."""
    folder.mkdir(parents=True)
    keys = {"name": "cycle", "title": "Cycles", "io_list": "io_list.csv", "map_version": 1} | line
    text = ["[line]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
    text += ["[history]", 'path = "history.db"', "commit_interval_s = 0.5", "raw_days = 30"]
    for k, port in enumerate(ports):
        text += _station(k, protocol, port)
    (folder / "line.toml").write_text("\n".join(text) + "\n", encoding="utf-8")
    with (folder / "io_list.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for k in range(len(ports)):
            writer.writerows(_rows(k, modbus=protocol == "modbus"))
    return folder


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _station(k: int, protocol: str, port: int) -> list[str]:
    name = name_of(k)
    if protocol == "modbus":
        reached = ['host = "127.0.0.1"', f"port = {port}"]
        reached += ["holding_ranges = [[0, 39], [40, 79]]", "discrete_ranges = [[0, 63]]"]
    else:
        reached = [f'endpoint = "opc.tcp://127.0.0.1:{port}/dryline/{name}"']
        reached += [f'namespace = "{NAMESPACE}"', 'security = "insecure"']
    return [
        f"[stations.{name}]", f'kind = "{KIND}"', f'prefix = "{prefix_of(k)}"',
        f'title = "Station {k}"', f"scan_period_s = {PERIOD_S}", 'after_link_loss = "resume"',
        f"[stations.{name}.driver]", f'protocol = "{protocol}"', "timeout_s = 1.0", *reached,
    ]  # fmt: skip


def name_of(k: int) -> str:
    """Of station k, from 0."""
    return f"station{k}"


def prefix_of(k: int) -> str:
    """Of the tags of station k."""
    return f"S{k}"


def _rows(k: int, *, modbus: bool) -> list[list[object]]:
    """The I/O list of one station."""
    station, prefix = name_of(k), prefix_of(k)

    def row(tag: str, kind: str, high: float, at: str, write: bool, labels: str = "") -> list[Any]:
        wire = {"real": "int16", "bool": "bit"}.get(kind, "uint16")
        if not modbus:
            at, wire = f"s={prefix}.{tag}", {"real": "double", "bool": "bool"}.get(kind, "int32")
        real = kind == "real"
        scale = 0.01 if real and modbus else 1
        fine = 0.01 if real else 1
        return [
            f"{prefix}.{tag}", station, tag, "%" if real else "", 0, high, kind,
            "W" if write else "R", at, wire, scale, 0.1, fine, fine if real else 0, 60,
            50 if write and real else 0 if write else "", labels, "",
        ]  # fmt: skip

    enums = {"STATE": (5, f"{_MODES}|trip"), "TRIP": (1, "none|test")}
    rows = [
        row(tag, "enum", enums[tag][0], f"hr:{j}", False, enums[tag][1]) if tag in enums
        else row(tag, "int", 65535, f"hr:{j}", False)
        for j, tag in enumerate(_WORDS)
    ]  # fmt: skip
    rows += [row(tag, "bool", 1, f"di:{j}", False) for j, tag in enumerate(("REMOTE", "WDOG"))]
    rows += [row(f"PV{j}", "real", 100, f"hr:{9 + j}", False) for j in LOOPS]
    rows += [row("CMD", "enum", 4, "hr:42", True, _MODES)]
    rows += [row("RESET", "int", 65535, "hr:43", True)]
    rows += [row(f"MV{j}", "real", 100, f"hr:{43 + j}", True) for j in LOOPS]
    return rows


def store_besides(count: int) -> None:
    """Have the controller of this process store so many tags more, as if a fast driver fed them."""
    more = [
        Tag(
            name=f"BESIDES.T{k}", station="besides", description="a fast signal", unit="%",
            writer=Writer.DEVICE, resolution=0.001, history=HistoryRule(max_interval_s=60.0),
        )
        for k in range(count)
    ]  # fmt: skip
    plain_tags, plain_keep = process.history_tags, Line.keep

    def tags(found: config.LineConfig) -> tuple[Tag, ...]:
        return (*plain_tags(found), *more)

    def keep(line: Line, supervisor: Supervisor) -> None:
        plain_keep(line, supervisor)
        supervisor.keep("storing besides", partial(_feed, line, count))

    process.history_tags, Line.keep = tags, keep  # type: ignore[method-assign]


async def _feed(line: Line, count: int) -> None:
    first = len(history_tags(line.config))
    rows = np.arange(first, first + count, dtype=np.int32)
    quality = np.zeros(count, np.uint8)
    random = np.random.default_rng(1)
    while True:
        await line.clock.sleep_link(PERIOD_S)
        values = np.rint(50_000.0 + 100.0 * random.standard_normal(count)) / 1000.0
        times = np.full(count, line.clock.utc_ns(), np.int64)
        line.recorder.record(Samples(rows, values, quality, times))


def main() -> None:
    """The program of Dryline."""
    from controller import __main__ as program  # noqa: PLC0415 - not for who only writes lines

    words = sys.argv[1:]
    if words[0] == "--store":
        store_besides(int(words[1]))
        words = words[2:]
    program.app(words)


if __name__ == "__main__":
    install()
    main()
