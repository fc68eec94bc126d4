"""A small station on a hand-made tag table, and a hand that plays its PLC."""

from collections.abc import Mapping
from typing import ClassVar

from controller.alarms.catalogue import station_alarms
from controller.alarms.definition import AlarmDefinition, Priority
from controller.alarms.kinds.common import NOT_EXECUTE
from controller.alarms.states import Move
from controller.control.interlock import Comparison, OnBad, Permissive, Trip
from controller.control.loop import Loop
from controller.control.pid import Pid
from controller.control.pid_config import Direction, LoopMode, PidConfig
from controller.control.procedure import Step
from controller.control.states import State
from controller.control.station import Station
from controller.control.station_parts import AfterLinkLoss, StationSetup
from controller.core.event import Answer, Command, Event, EventKind, Verb
from controller.core.point import READ_BACK, Access, Point, Wire
from controller.core.sample import GOOD, Quality
from controller.core.table import TagTable
from controller.core.tag import HistoryRule, Kind
from controller.stations.common import PLC_READY, Conditions, Mode, usual_steps

NS = 1_000_000_000
UTC0_NS = 1_767_225_600 * NS
PERIOD_S = 0.1
TRIPS = ("none", "too hot", "too fast")


def point(
    tag: str,
    access: Access = Access.READ,
    *,
    kind: Kind = Kind.REAL,
    high: float = 100.0,
    default: float = 0.0,
    labels: tuple[str, ...] = (),
) -> Point:
    """One row of an I/O list."""
    return Point(
        tag=tag,
        station="tiny",
        description=tag,
        unit="%",
        low=0.0,
        high=high,
        kind=kind,
        access=access,
        address=f"s={tag}",
        wire=Wire.DOUBLE,
        scale=1.0,
        scan_s=0.1,
        resolution=0.1,
        history=HistoryRule(),
        default=default,
        labels=labels,
    )


POINTS = (
    *(point(f"T.{n}", kind=Kind.INTEGER, high=65535.0) for n in ("HEART", "BOOT", "MAP", "SEQ")),
    point("T.STATE", kind=Kind.ENUM, high=5.0),
    point("T.TRIP", kind=Kind.ENUM, high=2.0, labels=TRIPS),
    point("T.REMOTE", kind=Kind.BOOLEAN, high=1.0),
    point("T.WDOG", kind=Kind.BOOLEAN, high=1.0),
    point("T.REJECTS", kind=Kind.INTEGER, high=65535.0),
    point("T.PV"),
    point("T.CMD", Access.WRITE, kind=Kind.ENUM, high=4.0),
    point("T.RESET", Access.WRITE, kind=Kind.INTEGER, high=65535.0),
    point("T.OUT.SP", Access.WRITE, default=3.0),
    point("T.FREE.SP", Access.WRITE, default=5.0),
    point("T.STEPS.SP", Access.WRITE, kind=Kind.INTEGER),
    point("T.ECHO.SP", Access.WRITE),
)
HIGH_PV = AlarmDefinition(
    tag=".PV", name="hi", above=True, limit=90.0, deadband=5.0, priority=Priority.MEDIUM,
    text="PV too high", cause="too much heat", consequence="it boils over",
    action="turn the heat down", respond_s=300.0, suppressed_in=NOT_EXECUTE,
)  # fmt: skip
WRITTEN = tuple(p.tag for p in POINTS if p.access is Access.WRITE)


class Tiny(Station):
    """T.L1 drives T.OUT.SP (10 to 90 %) from T.PV; T.ECHO.SP shows the loop's set point."""

    FOREIGN = ("OTHER.PV",)
    COMPUTED: ClassVar[Mapping[str, str]] = {".ECHO.SP": "T.L1.SP"}
    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {
        "SP": (40.0, 20.0, 80.0, "%", "set point in production"),
        "READY": (20.0, 0.0, 100.0, "%", "PV at which production begins"),
    }

    @classmethod
    def alarms_of(cls, kind, name, prefix):
        return (*station_alarms("", name, prefix), HIGH_PV.placed("tiny", name, prefix))

    @classmethod
    def loops_of(cls, prefix):
        pid = Pid(
            PidConfig(
                name="tiny",
                kc=1.0,
                ti_s=10.0,
                period_s=PERIOD_S,
                direction=Direction.REVERSE,
                out_low=10.0,
                out_high=90.0,
                sp_low=0.0,
                sp_high=100.0,
                sp=30.0,
                modes=(LoopMode.MAN, LoopMode.AUTO),
            )
        )
        fixed = Pid(
            PidConfig(
                name="fixed", kc=1.0, ti_s=10.0, period_s=PERIOD_S, direction=Direction.REVERSE,
                out_low=0.0, out_high=1.0, sp_low=0.0, sp_high=100.0, sp=0.0,
            )
        )  # fmt: skip
        return {
            "L1": Loop(f"{prefix}.L1", pid, pv=f"{prefix}.PV", out=f"{prefix}.OUT.SP"),
            "L2": Loop(f"{prefix}.L2", fixed, pv=f"{prefix}.PV", gains_follow="the moon"),
        }

    def __init__(self, setup, table, log):
        self.order: list[str] = []  # what was called in this scan
        self.raises: Exception | None = None
        super().__init__(setup, table, log)

    def start_permissives(self):
        return PLC_READY

    def trips(self):
        hot = Permissive(name="hot", text="PV", compare=Comparison.ABOVE, limit=95.0, unit="%")
        return ((".PV", Trip(cause=hot, on_bad=OnBad.IGNORE)),)

    def steps(self):
        c = Conditions(self)

        def begin() -> None:
            self.order.append("step")
            self.put(self.at(".CMD"), float(Mode.RUN))
            self.put(self.at(".FREE.SP"), 7.0)
            self.put(self.at(".OUT.SP"), 50.0)
            self.loops["L1"].pid.set_sp(self.setting("SP"))

        ready = c.above(".PV", lambda: self.setting("READY"), "PV at ready")
        run = Step(name="run", enter=begin, until=(ready,), timeout_s=60.0)
        usual = usual_steps(self, stop_s=20.0, hold=Mode.HOLD, resume=(run,))
        return {**usual, State.STARTING: (run,)}

    def control(self, now_s):
        self.order.append("control")
        if self.raises is not None:
            raise self.raises
        self.loops["L1"].scan(now_s, self.v, self.q)
        self.v[self.at(".ECHO.SP")] = self.loops["L1"].pid.sp_target

    def interlocks(self, now_s):
        self.order.append("interlocks")
        super().interlocks(now_s)

    def alarms(self, now_s):
        self.order.append("alarms")
        super().alarms(now_s)


class Bench:
    """A station, its table and its log. `plc` writes device tags, `echo` lets the PLC obey."""

    def __init__(
        self,
        after_link_loss: AfterLinkLoss = AfterLinkLoss.HOLD,
        kind: type[Tiny] = Tiny,
        *,
        adopted: bool = True,
    ) -> None:
        tags = [t for p in POINTS for t in p.tags()] + list(kind.own_tags("tiny", "T"))
        self.table = TagTable(tags)
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        setup = StationSetup(
            name="tiny",
            prefix="T",
            points=POINTS,
            period_s=PERIOD_S,
            after_link_loss=after_link_loss,
        )
        self.station = kind(setup, self.table, self)
        self.now_s = 0.0
        self._heart = 0
        self.plc(BOOT=1, MAP=1, REMOTE=1)
        self.plc(**{p.tag[2:] + READ_BACK: p.default for p in POINTS if p.tag in WRITTEN})
        if adopted:
            self.adopt()

    def event(self, event: Event) -> None:
        self.events.append(event)

    def plc(self, quality: int = GOOD, /, **values: float) -> None:
        """Device tags by name without prefix, "_" for "."."""
        for name, value in values.items():
            k = self.table.index(f"T.{name.replace('_', '.')}")
            self.table.value[k] = value
            self.table.quality[k] = quality
        region = self.table.region("tiny")
        self.table.time_ns[region.start : region.split] = self.utc_ns

    @property
    def utc_ns(self) -> int:
        return UTC0_NS + round(self.now_s * NS)

    def adopt(self) -> None:
        self.all_device_tags(GOOD)
        timing = self.station.timing  # as of a link whose writes are confirmed
        timing.round_trip_ms, timing.round_trip_worst_ms = 2.0, 5.0
        self.station.adopt(self.utc_ns)

    def all_device_tags(self, quality: int) -> None:
        region = self.table.region("tiny")
        self.table.quality[region.start : region.split] = quality

    def lose(self) -> None:
        """The link breaks, as the link service marks it."""
        self.table.mark_bad("tiny", Quality.BAD_LINK, self.utc_ns)

    def scan(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_s += PERIOD_S
            self.station.order.clear()
            self.station.scan(self.now_s, self.utc_ns)

    def run(self, seconds: float) -> None:
        """Scan while the PLC does what it is told."""
        for _ in range(round(seconds / PERIOD_S)):
            self.scan()
            self.echo()

    def echo(self) -> None:
        """The PLC takes the outputs and moves to the wanted mode at once."""
        outputs = self.station.outputs()
        if outputs is None:
            return
        for tag, value in zip(WRITTEN, outputs, strict=True):
            self.plc(**{tag[2:].replace(".", "_") + "_RB": value})
        self.plc(STATE=outputs[WRITTEN.index("T.CMD")])

    def start(self) -> None:
        """To EXECUTE."""
        self.plc(PV=30)
        self.ok(Verb.START)
        self.run(1.0)
        assert self.state is State.EXECUTE

    def ask(self, verb: Verb, target: str = "", value: float | str | None = None) -> Answer:
        """Give a command and scan once."""
        self.submit(verb, target, value)
        self.scan()
        return self.answers[-1]

    def submit(self, verb: Verb, target: str = "", value: float | str | None = None) -> None:
        command = Command(
            id=str(len(self.answers)), actor="ann", station="tiny", verb=verb, target=target,
            value=value, reason="because",
        )  # fmt: skip
        self.station.submit(command, self.answers.append)

    def ok(self, verb: Verb, target: str = "", value: float | str | None = None) -> None:
        answer = self.ask(verb, target, value)
        assert answer.accepted, answer.reasons

    def refused(self, verb: Verb, target: str = "", value: float | str | None = None) -> Answer:
        answer = self.ask(verb, target, value)
        assert not answer.accepted
        return answer

    @property
    def state(self) -> State:
        return self.station.procedure.state

    def out(self, tag: str) -> float:
        outputs = self.station.outputs()
        assert outputs is not None
        return outputs[WRITTEN.index(f"T.{tag}")]

    def told(self, kind: EventKind) -> list[str]:
        return [e.text for e in self.events if e.kind is kind]

    def alarms(self) -> list[str]:
        """What alarms have told, without what the state of the station made of them."""
        quiet = {Move.SUPPRESS.value, Move.RELEASE.value}
        alarms = [e for e in self.events if e.kind is EventKind.ALARM]
        return [e.text for e in alarms if e.data["move"] not in quiet]
