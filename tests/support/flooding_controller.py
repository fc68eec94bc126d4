"""A counted controller whose enclosure has a hundred alarms more, which a command sets going.

    python -m tests.support.flooding_controller FOLDER controller --line ... --run ...

`SET ENC.SET.FLOOD 1` starts a flood: at each of the next SCANS scans every one of these alarms
comes or goes, then all is quiet again.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from controller.alarms.definition import AlarmDefinition, Priority
from controller.stations import enclosure
from tests.support import counted_controller

ALARMS = 100
SCANS = 600
SWITCH = "ENC.SET.FLOOD"
SUBJECT = "ENC.FLOOD."
OFF, ONCE = 0.0, 1.0
# What the switch shows while a flood is on, scan by scan: the alarms stand above LIMIT.
LOW, HIGH = 3.0, 4.0
LIMIT = 3.5
_PRIORITIES = (Priority.LOW,) * 16 + (
    Priority.MEDIUM,
    Priority.HIGH,
    Priority.HIGH,
    Priority.CRITICAL,
)


def flood_alarms(station: str) -> list[AlarmDefinition]:
    """The alarms of the flood."""
    return [
        AlarmDefinition(
            tag=SWITCH, subject=f"{SUBJECT}{k:03d}", name="hi", above=True, limit=LIMIT,
            priority=_PRIORITIES[k % len(_PRIORITIES)], station=station, group="flood",
            text="one of very many", cause="a test", consequence="a full journal",
            action="wait until the test is over", respond_s=60.0, key=f"flood:{k}",
        )
        for k in range(ALARMS)
    ]  # fmt: skip


class Station(enclosure.Station):
    """The enclosure with a flood in it."""

    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {
        **enclosure.Station.SETTINGS,
        "FLOOD": (OFF, OFF, HIGH, "-", "1: a flood of alarms; shows it while it is on"),
    }
    _left = 0

    def alarms_of(self, kind: str, name: str, prefix: str) -> Sequence[AlarmDefinition]:
        return [*super().alarms_of(kind, name, prefix), *flood_alarms(name)]

    def alarms(self, now_s: float) -> None:
        """Move the switch on, then judge as ever."""
        k = self.settings["FLOOD"]
        if self.v[k] == ONCE:
            self._left, self.v[k] = SCANS, LOW
        if self._left:
            self._left -= 1
            self.v[k] = HIGH if self.v[k] == LOW else LOW
        elif self.v[k]:
            self.v[k] = OFF
        super().alarms(now_s)


def main() -> None:
    """The counted controller with this enclosure."""
    enclosure.Station = Station  # type: ignore[misc]
    counted_controller.main()


if __name__ == "__main__":
    main()
