"""Field bus between the plant process and the PLC process of one station: a small mapped file.

Nobody waits for anybody: the plant writes readings, the PLC writes actuators, each reads what is
there. A PLC that is stopped or killed leaves its last outputs behind, and the output cards see that
its cycle counter stands still and drive their safe state, as real ones do.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

from controller.core.closing import Closing

_MAGIC = 4_201_202.0
_HEADER = 8  # magic, plant time, plant tick, PLC cycle, boot counter, 3 spare
_BOOTS = 4
FAULTS = ("comm_drop", "stale_values", "plc_restart", "clock_skew", "local_mode", "swapped_words")


class FieldBus(Closing):
    """Both ends of one station's field bus.

    n_in sensors (reading and status each), n_out actuators, one level for each of FAULTS. All are
    float64. Single values are written whole; a torn set of several a real bus may show too.
    """

    def __init__(self, path: Path, n_in: int, n_out: int) -> None:
        self._path = path
        self._n_in, self._n_out = n_in, n_out
        size = 8 * (_HEADER + 2 * n_in + n_out + len(FAULTS))
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(bytes(size))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), size)
        self._bytes = memoryview(self._map)
        self._cells: memoryview[float] = self._bytes.cast("d")
        self._in = slice(_HEADER, _HEADER + n_in)
        self._status = slice(_HEADER + n_in, _HEADER + 2 * n_in)
        self._out = slice(_HEADER + 2 * n_in, _HEADER + 2 * n_in + n_out)
        self._faults = slice(_HEADER + 2 * n_in + n_out, _HEADER + 2 * n_in + n_out + len(FAULTS))

    def close(self) -> None:
        """Unmap; the file stays for the other side."""
        self._cells.release()
        self._bytes.release()
        self._map.close()
        self._file.close()

    # -- the plant's end -------------------------------------------------------------------------

    def show(
        self, now_s: float, tick: int, readings: Sequence[float], status: Sequence[int]
    ) -> None:
        """Write what the instruments show."""
        cells = self._cells
        for k, value in enumerate(readings, self._in.start):
            cells[k] = value
        for k, value in enumerate(status, self._status.start):
            cells[k] = value
        cells[1], cells[2] = now_s, tick
        cells[0] = _MAGIC

    def set_fault(self, name: str, level: float) -> None:
        """Set the level of a fault that the PLC process plays."""
        self._cells[self._faults.start + FAULTS.index(name)] = level

    def outputs(self) -> list[float]:
        """The actuators as the PLC left them."""
        return list(self._cells[self._out])

    @property
    def cycle(self) -> float:
        """Cycle counter of the PLC: standing still means a dead PLC."""
        return self._cells[3]

    # -- the PLC's end ---------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """True once a plant has written here."""
        return self._cells[0] == _MAGIC

    def readings(self) -> tuple[list[float], list[int]]:
        """Readings and statuses of the instruments."""
        return list(self._cells[self._in]), [int(x) for x in self._cells[self._status]]

    def drive(self, actuators: Sequence[float]) -> None:
        """Write the actuators and count a cycle."""
        cells = self._cells
        for k, value in enumerate(actuators, self._out.start):
            cells[k] = value
        cells[3] += 1.0

    def faults(self) -> list[float]:
        """Levels of FAULTS, in that order."""
        return list(self._cells[self._faults])

    def count_boot(self) -> int:
        """One up at every start of a PLC process; survives it, like a battery-backed counter."""
        self._cells[_BOOTS] += 1.0
        return int(self._cells[_BOOTS])

    def clear(self) -> None:
        """Forget an earlier life of the plant: no faults, no outputs. Boots go on counting, so that
        a controller that outlived the plant sees that the PLCs are not the ones it knew."""
        boots = self._cells[_BOOTS]
        for k in range(len(self._cells)):
            self._cells[k] = 0.0
        self._cells[_BOOTS] = boots
