"""Whatever happens in whatever order: nothing lost, nothing doubled, loss reported exactly."""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.sinks.answers import Answer
from controller.sinks.ledger_reader import quarantine, untold
from tests.support.history import T0_NS
from tests.support.sink_rig import Rig

SEEDS = range(25)
OPERATIONS = 120


class Weather:
    """A server whose mood changes; what it stores before it fails to answer, it keeps."""

    def __init__(self, rig: Rig, chance: random.Random) -> None:
        self.rig, self.chance = rig, chance
        self.failing = 0.0
        self.poison: set[str] = set()

    def __call__(self, lines: Sequence[str]) -> Answer | None:
        if self.chance.random() < self.failing:
            if self.chance.random() < 0.3:  # stored, and the answer is lost
                keep, self.failing = self.failing, 0.0
                self.rig.server.always = lambda _: None
                if not self.poisoned(lines):
                    self.rig.server.post(lines)
                self.rig.server.always, self.failing = self, keep
            return Answer(self.chance.choice([0, 429, 500, 503]), "bad weather")
        return Answer(400, "refused") if self.poisoned(lines) else None

    def poisoned(self, lines: Sequence[str]) -> bool:
        return any(line.split("value=")[-1].split(",")[0] in self.poison for line in lines)


def operate(
    rig: Rig, weather: Weather, chance: random.Random, *, limit: bool, deaths: bool
) -> None:
    """One random thing."""
    lanes = (rig.live, rig.back, rig.events)
    what = chance.random()
    if what < 0.35:
        rig.commit(chance.choice([1, 5, 10, 10, 10, 60, 300]))
    elif what < 0.75:
        rig.pause(chance.choice(lanes).step())
    elif what < 0.83:
        weather.failing = chance.choice([0.0, 0.0, 0.5, 1.0])
    elif what < 0.88:
        rig.seal()
    elif what < 0.92:
        rig.store.forget_sent(rig.position.sent_seq)
    elif what < 0.95:
        if deaths:
            rig.close_sink()
            rig.open_sink()
    elif limit:
        rig.store.shrink_outbox(rig.store.outbox_bytes // 2)


def lived(
    seed: int, *, limit: bool = False, poison: bool = False, deaths: bool = True
) -> tuple[Rig, Weather]:
    """A sink after a wild life and a quiet end."""
    chance = random.Random(seed)
    rig = Rig(Path(tempfile.mkdtemp()), batch_points=chance.choice([20, 50, 200]))
    weather = Weather(rig, chance)
    rig.server.always = weather
    if poison:
        weather.poison = {repr(chance.randrange(1, 800) / 100) for _ in range(4)}
    for _ in range(OPERATIONS):
        operate(rig, weather, chance, limit=limit, deaths=deaths)
    weather.failing = 0.0
    rig.run()
    return rig, weather


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled(seed: int) -> None:
    rig, _ = lived(seed)
    assert rig.all_sent()
    assert rig.ledger.totals().dropped == 0
    assert rig.position.gaps == ()
    rig.seal()
    rig.store.forget_sent(rig.position.sent_seq)
    assert rig.store.outbox_bytes == 0
    rig.close()


@pytest.mark.parametrize("deaths", [False, True], ids=["", "with-deaths"])
@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_disk_limit_the_reported_loss_is_the_real_one(seed: int, *, deaths: bool) -> None:
    rig, _ = lived(seed, limit=True, deaths=deaths)
    there = {p.key for p in rig.server.points.values() if p.measurement != "events"}
    missing = 2 * rig.written - len(there)
    dropped = rig.ledger.totals().dropped
    notes = [n for n in untold(rig.ledger.path) if "samples" in n.facts]
    assert sum(int(str(n.facts["samples"])) for n in notes) == dropped
    if deaths:  # a post that was stored, and died before its answer, is reported as lost
        assert missing <= dropped
    else:
        assert missing == dropped
    times = [(int(str(n.facts["from_ns"])), int(str(n.facts["to_ns"]))) for n in notes]
    stored = {time_ns for _, _, time_ns in there}
    lost = [t for k in range(rig.written) if (t := T0_NS + k * 10**6) not in stored]
    assert all(any(first <= t <= last for first, last in times) for t in lost)
    rig.close()


@pytest.mark.parametrize("seed", SEEDS[:15])
def test_only_poison_is_in_quarantine(seed: int) -> None:
    rig, weather = lived(seed, poison=True)
    bodies = [entry.body for entry in quarantine(rig.ledger.path)]
    assert all(weather.poisoned([body]) and "\n" not in body for body in bodies)
    stored = [p for p in rig.server.points.values() if p.measurement != "events"]
    assert len(stored) + len(set(bodies)) == 2 * rig.written
    rig.close()
