"""Who decides the outputs of a station: a lost link, a restarted PLC, a switch in local.

Whenever somebody else may have moved them, the station starts from what the PLC holds. The wanted
mode alone stays the station's own: a stop or a hold asked for meanwhile must still arrive.
"""

from typing import TYPE_CHECKING

from controller.control.output_stage import OutputStage
from controller.control.pid_config import LoopMode
from controller.control.states import State
from controller.control.station_parts import DOWN, QUIET, AfterLinkLoss
from controller.core.event import EventKind
from controller.core.point import READ_BACK
from controller.core.sample import FIRST_BAD, GOOD, quality_text

if TYPE_CHECKING:
    from controller.control.station import Station


class Takeover:
    """Watches link, boot counter, remote switch and PLC trip of one station.

    adopted: the PLC has been read once, so there is something to write. local: the remote switch
    is off, so nothing is written and set points follow the PLC. up: the link was up at this scan.
    boot: boot counter of the PLC as it was read last. stage: what of the outputs is sent.
    """

    def __init__(self, station: "Station") -> None:
        self._s = s = station
        p = s.prefix
        self._heart, self._boot = s.at(".HEART"), s.at(".BOOT")
        self._trip, self._state = s.at(".TRIP"), s.at(".STATE")
        self._remote = s.at(".REMOTE")
        self._mode, self._mode_held = s.at(".CMD"), s.at(f".CMD{READ_BACK}")
        self._trip_tag = f"{p}.TRIP"
        self._labels = s.table.tags[s.table.index(self._trip_tag)].labels
        self._set_points = [
            (out, s.at(p.tag + READ_BACK)) for out, p in s.writable.items() if out != self._mode
        ]
        self.stage = OutputStage(
            s.writable,
            lambda tag, text: s.tell(EventKind.SYSTEM, tag, text),
            {s.at(tag): (s.at(switch), value) for tag, (switch, value) in s.RESTING.items()},
        )
        self.adopted = False
        self.local = False
        self.boot: float | None = None
        self.up = False

    def adopt(self) -> None:
        """Take over what the PLC holds; the image has just been read in full."""
        s = self._s
        first = self.boot is None
        if first or self._restarted():
            s.v[self._mode] = s.v[self._mode_held]
        else:
            if self.up:
                self._lost("back before a scan saw it")
            self._tell_undelivered()
        self.adopted = True
        self.follow()
        active = s.v[self._state] and not s.v[self._trip]
        motion = s.setup.after_link_loss is AfterLinkLoss.HOLD
        if first and active and s.procedure.state in QUIET:
            mode = f"mode {s.v[self._state]:g}"
            s.procedure.force(
                State.HELD, f"the PLC was found active ({mode}); UNHOLD to run, STOP to stop it"
            )
        elif first and active and motion and s.procedure.state is State.HELD:
            # A restart quicker than the PLC's watchdog finds the machine moving: held it shall be.
            s.procedure.go(State.HOLDING, s.procedure.reason)
        s.procedure.enter_again()
        if s.usable(self._boot):
            self.boot = s.v[self._boot]
            s.recipes.plc_read(self.boot)

    def _restarted(self) -> bool:
        """Tell of a PLC that has restarted since it was last read, and hold the station."""
        s, boot = self._s, self._s.v[self._boot]
        if boot == self.boot or not s.usable(self._boot):
            return False
        s.tell(EventKind.DEVICE, f"{s.prefix}.BOOT", f"PLC restarted (boot {boot:g})")
        s.hold("PLC restarted with default set points; UNHOLD sends the set points again")
        return True

    def _tell_undelivered(self) -> None:
        """Tell of every set point that was lost with the link; it is not sent late."""
        s = self._s
        for out, held in self._set_points:
            point = s.writable[out]
            loop = s.owner.get(point.tag)
            moves = loop is not None and loop.wanted is not LoopMode.MAN
            moves = moves or point.tag.removeprefix(s.prefix) in s.COMPUTED
            if not moves and abs(s.v[out] - s.v[held]) > point.resolution:
                text = f"{point.tag} = {s.v[out]:g} did not arrive, the PLC holds {s.v[held]:g}"
                s.tell(EventKind.DEVICE, point.tag, text)

    def follow(self) -> None:
        """Set points become what the PLC holds, without a bump; the wanted mode stays."""
        s = self._s
        s.q[self._mode] = GOOD
        for out, held in self._set_points:
            s.v[out] = s.v[held]
            s.q[out] = GOOD
        for loop in s.loops.values():
            if loop.out:
                loop.adopt(s.v, s.v[s.offset[loop.out]])
        self.stage.follow(s.v)

    def watch(self) -> None:
        """Once a scan, before commands."""
        s = self._s
        v, q = s.v, s.q
        up = self.adopted and q[self._heart] < FIRST_BAD
        if up != self.up:
            self.up = up
            why = quality_text(s.q[self._heart])
            s.tell(EventKind.LINK, s.name, "link up" if up else f"link lost ({why})")
            if not up:
                self._lost(why)
        if not up:
            return
        if q[self._remote] < FIRST_BAD and (v[self._remote] == 0.0) is not self.local:
            self._switch()
        if v[self._trip] and q[self._trip] < FIRST_BAD:
            self._tripped(int(v[self._trip]))

    def _lost(self, why: str) -> None:
        s = self._s
        if s.setup.after_link_loss is AfterLinkLoss.HOLD:
            s.hold(f"link to the PLC lost ({why})")

    def _switch(self) -> None:
        """To local, or back to remote."""
        self.local = local = not self.local
        s = self._s
        where = "local" if local else "remote"
        s.tell(EventKind.DEVICE, f"{s.prefix}.REMOTE", f"station switched to {where}")
        if not local:
            s.procedure.enter_again()
        elif s.setup.after_link_loss is AfterLinkLoss.HOLD:
            s.hold("station switched to local")

    def _tripped(self, code: int) -> None:
        s = self._s
        if s.procedure.state in DOWN | QUIET:
            return
        label = self._labels[code] if 0 <= code < len(self._labels) else str(code)
        s.tell(EventKind.DEVICE, self._trip_tag, f"PLC tripped: {label}")
        s.procedure.go(State.ABORTING, f"PLC tripped: {label}")
