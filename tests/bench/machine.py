"""On what machine, with what versions and when figures were taken."""

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("asyncua", "pymodbus", "numpy", "simple-pid")
MOMENTARY = ("date", "load")


def same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether figures may stand side by side: one machine, the same versions."""
    return all(one.get(k) == other.get(k) for k in one.keys() | other.keys() if k not in MOMENTARY)


def about(before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Machine, versions and day, as texts; from the first day on when there were figures before."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    first = (before or {}).get("date", today).partition(" ")[0]
    return {
        "date": today if first == today else f"{first} to {today}",
        "machine": machine(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def machine() -> str:
    """Processor and number of cores."""
    name = platform.machine()
    table = Path("/proc/cpuinfo")
    if table.exists():
        for row in table.read_text(encoding="utf-8").splitlines():
            key, _, value = row.partition(":")
            if key.strip() == "model name":
                name = value.strip()
                break
    return f"{name}, {os.cpu_count()} cores"


def cpu_s(pid: int) -> float:
    """CPU seconds of a process until now."""
    return time.clock_gettime(~pid << 3 | 2)  # the clock of all its threads, in Linux' numbering


def resident_mib(pid: int) -> float:
    """Memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith("VmRSS")) / 1024
