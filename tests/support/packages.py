"""The packages that an installation of Dryline brings with it: project, lock and metadata."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of the lock: where its marker holds, exactly this version, one of these files."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def applies(self, environment: Mapping[str, str]) -> bool:
        return not self.marker or Marker(self.marker).evaluate(dict(environment))


def environment(python: str = "", system: str = "Linux") -> dict[str, str]:
    """Marker values of this interpreter, or of another version or system."""
    values = {key: str(value) for key, value in default_environment().items()}
    if python:
        values |= {"python_version": python, "python_full_version": f"{python}.0"}
    names = {"Linux": ("linux", "posix"), "Windows": ("win32", "nt"), "Darwin": ("darwin", "posix")}
    values["platform_system"] = system
    values["sys_platform"], values["os_name"] = names[system]
    return values


def read_lock(text: str) -> list[Locked]:
    """Every pin of a requirements file; ValueError for a line that is none, or has no hash."""
    found: list[Locked] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if pin := _PIN.fullmatch(line.rstrip()):
            name = canonicalize_name(pin[1])
            found.append(Locked(name, pin[2], (pin[3] or "").strip(), ()))
        elif (hash_ := _HASH.search(line)) and line.startswith(" ") and found:
            last = found.pop()
            hashes = (*last.hashes, hash_[1])
            found.append(Locked(last.name, last.version, last.marker, hashes))
        else:
            raise ValueError(f"line {number} is neither a pin nor a hash: {line!r}")
    if bare := [p.name for p in found if not p.hashes]:
        raise ValueError(f"without a hash: {', '.join(bare)}")
    return found


def declared(project: Path = ROOT / "pyproject.toml") -> list[str]:
    """The dependencies of the package itself, without extras."""
    found: list[str] = tomllib.loads(project.read_text())["project"]["dependencies"]
    return found


def closure(wanted: Iterable[str], values: Mapping[str, str]) -> dict[str, set[str]]:
    """Every package that is needed, with what it needs in turn; LookupError for one that is not
    installed, whose needs therefore nobody has looked at."""
    graph: dict[str, set[str]] = {}
    open_ = [Requirement(text) for text in wanted]
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        if not _holds(requirement, values, {""}) or name in graph:
            continue
        needs = [Requirement(text) for text in _installed(name).requires or ()]
        chosen = [r for r in needs if _holds(r, values, {"", *requirement.extras})]
        graph[name] = {canonicalize_name(r.name) for r in chosen}
        open_ += [Requirement(str(r).partition(";")[0]) for r in chosen]
    return graph


def _holds(requirement: Requirement, values: Mapping[str, str], extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**values, "extra": e}) for e in extras)


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise LookupError(f"{name} is not installed: what it needs was not looked at") from None


def licence(found: Distribution) -> str:
    """As the package states it: an SPDX expression where it has one; "" where it says nothing."""
    about = found.metadata
    expression = about.get("License-Expression")
    if expression:
        return expression
    stated = about.get("License") or ""
    if 0 < len(stated) <= 80 and "\n" not in stated:
        return stated
    classes = [c for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    return " AND ".join(c.rpartition(" :: ")[2] for c in classes)
