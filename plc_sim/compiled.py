"""The plant as compiled modules, where somebody has made them: the same sources, the same samples.

`make compiled` (plc_sim.compiling) translates the plant and its PLC programs into C, by mypyc, and
puts the modules beside the installed packages, in a folder named after a hash of their sources. As
long as the sources are those, importing one of them gives the compiled one; after a change it gives
the Python again. Nothing else tells them apart but speed: the compiler proves it when it is done.

The stations of the controller are never compiled.

Environment variable DRYLINE_PLANT: `python` never uses compiled modules, `compiled` refuses to go
on without them; unset, they are used when they are there.
"""

import os
import sys
import sysconfig
from collections.abc import Sequence
from hashlib import blake2b
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

CHOICE = "DRYLINE_PLANT"
PACKAGE = Path(__file__).parent
HOME = Path(sys.prefix) / "dryline-plant"
GROUP = "dryline_plant"  # of modules that call each other without a detour
_PARTS = (
    "models/*.py", "logic/*.py", "faults.py", "instruments.py", "lockstep.py", "loops.py",
    "plant.py", "plc.py", "run_out.py", "set_point_ramps.py",
)  # fmt: skip
_LEFT_OUT = {"__init__", "quality"}  # quality: works with the slots of its own classes, is not hot


def sources() -> tuple[Path, ...]:
    """The files that are compiled, in order."""
    return tuple(path for path in _hashed() if path.stem not in _LEFT_OUT)


def _hashed() -> list[Path]:
    """The same, and those beside them: compiled ones were checked against their types."""
    return sorted(path for part in _PARTS for path in PACKAGE.glob(part))


def folder() -> Path:
    """Where the compiled modules of these very sources are, or would be, for this Python."""
    told = blake2b(digest_size=12)
    for path in _hashed():
        text = path.read_bytes()
        told.update(f"{path.relative_to(PACKAGE)} {len(text)} ".encode())
        told.update(text)
    return HOME / f"{told.hexdigest()}-{sysconfig.get_config_var('SOABI')}"


def modules(built: Path) -> dict[str, Path]:
    """Names and files of the modules in a folder."""
    suffix = EXTENSION_SUFFIXES[0]
    return {
        ".".join(path.relative_to(built).parts).removesuffix(suffix): path
        for path in sorted(built.rglob(f"*{suffix}"))
    }


class Finder(MetaPathFinder):
    """Gives compiled modules in place of their sources."""

    def __init__(self, built: Path) -> None:
        self.files = modules(built)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        file = self.files.get(fullname)
        if file is None:
            return None
        loader = ExtensionFileLoader(fullname, str(file))
        return spec_from_file_location(fullname, file, loader=loader)


def use() -> None:
    """Use the compiled modules from now on, as the environment says. Raises ImportError."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "python", "compiled"):
        raise ImportError(f"{CHOICE}={choice}: it is python or compiled, or not set")
    if choice == "python" or in_use():
        return
    if HOME.is_dir() and (built := folder()).is_dir():
        sys.meta_path.insert(0, Finder(built))
    elif choice == "compiled":
        raise ImportError(
            f"{CHOICE}=compiled, but the plant is not compiled from these sources for this "
            "Python: `make compiled` does it"
        )


def in_use() -> bool:
    """Whether the plant of this process is the compiled one."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)
