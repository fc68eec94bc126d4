"""Recipes for the Tiny station, made without files, and a bench whose station runs them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import ClassVar

from controller.control.station_memory import Memory
from controller.control.station_parts import AfterLinkLoss, StationSetup
from controller.core.event import Answer, Command, DeployOrder, Event, EventKind, Verb
from controller.core.point import READ_BACK, Access
from controller.core.recipe import (
    Limits,
    OnTimeout,
    OnUnhold,
    Op,
    Phase,
    Prompt,
    Quantity,
    Ramp,
    Recipe,
    RecipeId,
    Target,
    Transition,
    Version,
)
from controller.core.run import MasterRecipe, RunHead
from controller.core.table import TagTable
from controller.core.tag import Tag, Writer
from controller.formulas.parameter import Parameter
from controller.stations.common import Mode
from tests.support.tiny_station import PERIOD_S, POINTS, Bench, Tiny, point

WEB_POINTS = (*POINTS, point("T.METER", high=1e6))
OTHER = Tag(name="OTHER.PV", station="other", description="", writer=Writer.DEVICE, unit="m/min")
NO_LIMITS: Mapping[str, Limits] = {}
SOFTWARE = "9.9.9"


class TinyWeb(Tiny):
    """Tiny with a formula and a length counter."""

    FORMULA: ClassVar = (
        Parameter(name="set_point", text="set point", unit="%", low=20, high=80, setting="SP"),
        Parameter(name="ready", text="ready", unit="%", low=0, high=100, setting="READY"),
        Parameter(name="lot_length", text="length of a lot", unit="m", low=1, high=1000),
    )


def when(tag: str, op: Op, value: float, *, band: float = 0.0, for_s: float = 0.0) -> Transition:
    """What a phase waits for."""
    return Transition(tag=tag, op=op, target=Target(value), band=band, for_s=for_s)


def pv_at(value: float, for_s: float = 0.0) -> Transition:
    """PV at or above a value."""
    return when(".PV", Op.AT_LEAST, value, for_s=for_s)


def ramp(tag: str, to: float, rate_per_min: float) -> Ramp:
    """A ramp to a number."""
    return Ramp(tag=tag, target=Target(to), rate_per_min=rate_per_min)


def phase(
    name: str,
    *,
    sets: Mapping[str, float] | None = None,
    ramps: Sequence[Ramp] = (),
    until: Sequence[Transition] = (),
    ask: str = "",
    say: str = "",
    timeout_s: float = 60.0,
    on_timeout: OnTimeout = OnTimeout.HOLD,
    on_unhold: OnUnhold = OnUnhold.REPEAT,
) -> Phase:
    """One phase. ask: a prompt to be confirmed; say: one that is only shown."""
    prompt = Prompt(text=ask or say, confirm=bool(ask)) if ask or say else None
    return Phase(
        name=name, title=f"Do {name}", timeout_s=timeout_s, on_timeout=on_timeout,
        set={tag: Target(value) for tag, value in (sets or {}).items()}, ramps=tuple(ramps),
        until=tuple(until), prompt=prompt, on_unhold=on_unhold,
    )  # fmt: skip


def master(
    *phases: Phase,
    version: str = "1.0.0",
    kind: str = "tiny",
    limits: Mapping[str, Limits] = NO_LIMITS,
    set_point: float = 40.0,
    ready: float = 20.0,
    lot_length: float = 0.0,
) -> MasterRecipe:
    """A recipe as it comes from a file; lot_length: 0 for a formula without one."""
    formula = {"set_point": Quantity(set_point, "%"), "ready": Quantity(ready, "%")}
    if lot_length:
        formula["lot_length"] = Quantity(lot_length, "m")
    recipe = Recipe(
        id=RecipeId(kind, "trial", Version.parse(version)), title="Trial", author="eve", base=None,
        reason="because", formula=formula, phases=phases, limits=limits,
    )  # fmt: skip
    text = repr(recipe)
    return MasterRecipe(recipe, hashlib.sha256(text.encode()).hexdigest(), text)


# Three phases: one that is not repeated, one that asks and is not repeated, one that is.
HEAT = phase(
    "heat", sets={".CMD": Mode.WARMUP, ".STEPS.SP": 3}, until=[pv_at(20)],
    on_unhold=OnUnhold.SKIP,
)  # fmt: skip
LOAD = phase("load", ask="Load the powder", on_unhold=OnUnhold.SKIP)
GO = phase(
    "go", sets={".CMD": Mode.RUN, ".L1.SP": 44}, ramps=[ramp(".FREE.SP", 12, 60)],
    until=[when(".STATE", Op.IS, Mode.RUN, for_s=1)],
)  # fmt: skip
STANDARD = master(HEAT, LOAD, GO)
QUICK = master(phase("quick", sets={".CMD": Mode.RUN}, until=[pv_at(0)]))


class RecipeBench(Bench):
    """A bench whose station has a kind, a formula, a length counter and a neighbour."""

    def __init__(
        self,
        after_link_loss: AfterLinkLoss = AfterLinkLoss.HOLD,
        kind: type[Tiny] = TinyWeb,
        *,
        adopted: bool = True,
        now_s: float = 0.0,
        speed: float = 1.0,
    ) -> None:
        tags = [t for p in WEB_POINTS for t in p.tags()] + list(kind.own_tags("tiny", "T"))
        self.table = TagTable([*tags, OTHER])
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.setup = StationSetup(
            name="tiny", prefix="T", points=WEB_POINTS, period_s=PERIOD_S, kind="tiny",
            after_link_loss=after_link_loss, software=SOFTWARE, speed=speed,
        )  # fmt: skip
        self.kind, self.now_s = kind, now_s
        self.station = kind(self.setup, self.table, self)
        self.plc(BOOT=1, MAP=1, REMOTE=1)
        held = {p.tag[2:] + READ_BACK: p.default for p in POINTS if p.access is Access.WRITE}
        self.plc(**held)
        if adopted:
            self.adopt()

    @property
    def recipes(self):
        return self.station.recipes

    @property
    def running(self):
        """The open run."""
        assert self.recipes.run is not None
        return self.recipes.run

    def give(self, verb: Verb, target: str = "", value=None, **more) -> Answer:
        """Give a command of somebody (actor, reason, order) and scan once."""
        fields = {"actor": "ann", "reason": "because"} | more
        command = Command(
            id=str(len(self.answers)), station="tiny", verb=verb, target=target, value=value,
            **fields,
        )  # fmt: skip
        self.station.submit(command, self.answers.append)
        self.scan()
        return self.answers[-1]

    def deploy(self, recipe: MasterRecipe | None, expected: int | None = None, **more) -> Answer:
        """Deploy and scan once. because, trial: go into the order."""
        order = DeployOrder(
            master=recipe, expected=expected, because=more.pop("because", ""),
            trial=more.pop("trial", ""),
        )  # fmt: skip
        return self.give(Verb.DEPLOY, order=order, **more)

    def begin(self, recipe: MasterRecipe | None) -> None:
        """Deploy and START: in the first phase, just entered."""
        assert self.deploy(recipe).accepted
        self.ok(Verb.START)

    def until(self, reached, within_s: float = 60.0) -> None:
        """Scan, with a PLC that obeys, until something is so."""
        end_s = self.now_s + within_s
        while not reached():
            assert self.now_s < end_s, (self.state, self.station.procedure.waiting_for())
            self.scan()
            self.echo()

    def until_state(self, state, within_s: float = 60.0) -> None:
        self.until(lambda: self.state is state, within_s)

    def until_phase(self, number: int, within_s: float = 60.0) -> None:
        self.until(lambda: self.tag("RUN.PHASE") == number, within_s)

    def until_asked(self) -> None:
        self.until(lambda: self.tag("RUN.PROMPT") == 1)

    def execute(self, recipe: MasterRecipe = STANDARD) -> None:
        """To EXECUTE, with every prompt confirmed."""
        self.plc(PV=30)
        self.begin(recipe)
        self.to_execute()

    def to_execute(self) -> None:
        while self.state.name != "EXECUTE":
            self.until(lambda: self.state.name == "EXECUTE" or self.tag("RUN.PROMPT") == 1)
            if self.tag("RUN.PROMPT"):
                self.ok(Verb.CONFIRM)

    def held(self) -> None:
        """HOLD, and wait until it is."""
        self.ok(Verb.HOLD)
        self.until(lambda: self.state.name == "HELD")

    @property
    def wanted_mode(self) -> float:
        """CMD as the station wants it, written or not."""
        return self.station.v[self.station.at(".CMD")]

    def tag(self, name: str) -> float:
        return self.table.sample(f"T.{name}").value

    def other(self, value: float, quality: int = 0) -> None:
        """The tag of the neighbour."""
        k = self.table.index("OTHER.PV")
        self.table.value[k], self.table.quality[k] = value, quality

    def entered(self) -> list[str]:
        """Names of the phases that were entered, in order."""
        return [
            t.split(":")[0].split()[-1] for t in self.told(EventKind.RUN) if t.startswith("phase ")
        ]

    def ended(self) -> list[RunHead]:
        """Heads of the runs that are over."""
        return [n for n in self.recipes.news if isinstance(n, RunHead)]

    def plain_memory(self) -> dict:
        """What the station remembers, as it comes back from the disk."""
        return json.loads(json.dumps(asdict(self.station.memory())))

    def restarted(self, *, adopted: bool = True) -> "RecipeBench":
        """The program again, on the same PLC and with the same log, after a kill."""
        again = type(self)(
            self.setup.after_link_loss, self.kind, adopted=False, now_s=self.now_s,
            speed=self.setup.speed,
        )  # fmt: skip
        mine, its = self.table, again.table
        region = mine.region("tiny")
        device = slice(region.start, region.split)
        its.value[device], its.quality[device] = mine.value[device], mine.quality[device]
        again.events, again.answers = self.events, self.answers
        again.come_back(Memory.of(self.plain_memory()), self.recipes.masters())
        if adopted:
            again.adopt()
        return again

    def come_back(self, memory: Memory, masters: Mapping[str, MasterRecipe]) -> None:
        """As the program does before anything else."""
        self.station.recall(memory, self.utc_ns, masters)

    def restart_plc(self) -> None:
        """A power cycle of the PLC: defaults, boot counter one up, and the link that finds it."""
        self.plc(BOOT=self.tag("BOOT") + 1, STATE=0, TRIP=0)
        written = {p.tag[2:] + READ_BACK: p.default for p in POINTS if p.access is Access.WRITE}
        self.plc(**written)


def with_version(recipe: MasterRecipe, version: str) -> MasterRecipe:
    """The same phases under another version."""
    changed = replace(recipe.recipe, id=replace(recipe.recipe.id, version=Version.parse(version)))
    text = repr(changed)
    return MasterRecipe(changed, hashlib.sha256(text.encode()).hexdigest(), text)
