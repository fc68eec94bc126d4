"""Compiles the plant (see plc_sim.compiled): `make compiled`, a minute or two.

Needs mypyc, which comes with mypy (extra `dev`), and a C compiler with the headers of Python. What
comes out is put in place only when it gives the same samples as the Python does, bit for bit: of
the line while it starts, and while every fault of the simulator comes and goes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from plc_sim import compiled

STARTS_S, FAULT_S = 600.0, 5.0  # of plant time, in the proof
LIMIT_S = 1200.0
ROOT = compiled.PACKAGE.parent
_BUILDING = ".building-"
# Compilers of some machines join a product and a sum into one rounding, which Python never does.
_FLAGS = "-ffp-contract=off"
_HELP = (
    "mypyc comes with the extra `dev`; a C compiler and the headers of Python with the packages "
    "gcc and python3-dev, or what your system calls them"
)


class CompileError(Exception):
    """Says why the plant could not be compiled, and what helps."""


def compile_plant() -> Path:
    """Build, prove, put in place: the folder. Nothing to do where it is. Raises CompileError."""
    place = compiled.folder()
    if place.is_dir():
        return place
    compiled.HOME.mkdir(parents=True, exist_ok=True)
    _clear()
    with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=compiled.HOME) as building:
        built = Path(building) / "built"
        _child("--build", building)
        expected, found = (_child("--prove", plant) for plant in ("python", str(built)))
        if found != expected:
            raise CompileError(
                f"the compiled plant gives other samples than the Python ({found.strip()}, not "
                f"{expected.strip()}); it was not put in place"
            )
        _put(built, place)
    return place


def _put(built: Path, place: Path) -> None:
    """Into its place, beside older ones: a line that runs may still take modules from them."""
    try:
        built.rename(place)
    except OSError:
        if not place.is_dir():  # else somebody was faster, with the same
            raise


def _clear() -> None:
    """Remove what compilations left that were killed."""
    for left in compiled.HOME.glob(f"{_BUILDING}*"):
        if time.time() - left.stat().st_mtime > 2.0 * LIMIT_S:
            shutil.rmtree(left, ignore_errors=True)


def _child(*words: str) -> str:
    """This program in a process of its own, which begins in Python: what it printed."""
    flags = f"{os.environ.get('CFLAGS', '')} {_FLAGS}".strip()
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "plc_sim.compiling", *words],
        env=os.environ | {compiled.CHOICE: "python", "CFLAGS": flags},
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CompileError(f"{(done.stdout + done.stderr)[-3000:].strip()}\n{_HELP}")
    return done.stdout


def _build(building: Path) -> None:
    """Translate and compile, in this process."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles has it
    from setuptools import setup  # noqa: PLC0415

    paths = [str(path.relative_to(ROOT)) for path in compiled.sources()]
    parts = mypycify(
        ["--cache-dir", str(building / "cache"), *paths],
        group_name=compiled.GROUP,
        opt_level="2",
        target_dir=str(building / "c"),
    )
    goal = ["--build-lib", str(building / "built"), "--build-temp", str(building / "objects")]
    setup(name=compiled.GROUP, ext_modules=parts, script_args=["build_ext", *goal])


def _prove(plant: str) -> str:
    """Hash of all samples of a line; plant: `python`, or the folder of modules to be used."""
    if plant != "python":
        sys.meta_path.insert(0, compiled.Finder(Path(plant)))
    from plc_sim import lockstep  # noqa: PLC0415 - only now is it clear which
    from plc_sim.faults import FAULTS  # noqa: PLC0415
    from plc_sim.score import rig  # noqa: PLC0415

    is_compiled = not str(lockstep.__file__).endswith(".py")
    if is_compiled != compiled.in_use():
        raise CompileError(f"{lockstep.__file__} is not the plant to be proven")
    line = rig(seed=7)
    line.hashing = True
    line.start()
    line.run(STARTS_S)
    for fault in FAULTS:
        line.inject(fault.station, fault.name, for_s=FAULT_S)
        line.run(2.0 * FAULT_S)
    return line.sample_hash()


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--prove", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.build:
        _build(chosen.build)
        return 0
    if chosen.prove:
        sys.stdout.write(_prove(chosen.prove) + "\n")
        return 0
    begun_s = time.monotonic()
    try:
        place = compile_plant()
    except (CompileError, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the plant was not compiled: {error}\n")
        return 1
    n, took_s = len(compiled.sources()), time.monotonic() - begun_s
    sys.stdout.write(f"{n} modules of the plant, compiled in {took_s:.0f} s: {place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
