"""`python -m hmi.vendoring`: brings the JavaScript of others into static/vendor, or checks it.

VENDOR.toml says what is there: package, version, licence, the tarball it was taken from, and the
SHA-256 of tarball and files. Fetching needs npm; checking needs nothing but the files.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).parent / "static" / "vendor"
LIST = "VENDOR.toml"
PATIENCE_S = 120.0


class VendoredFile(NamedTuple):
    """One file. source: where it lies in the tarball."""

    path: str
    source: str
    sha256: str


class VendoredPackage(NamedTuple):
    """One package of others. tarball: as npm names it; sha256: of that."""

    name: str
    version: str
    licence: str
    tarball: str
    sha256: str
    files: tuple[VendoredFile, ...]


def packages(folder: Path = VENDOR) -> list[VendoredPackage]:
    """What VENDOR.toml lists."""
    listed = tomllib.loads((folder / LIST).read_text(encoding="utf-8"))["package"]
    return [
        VendoredPackage(
            one["name"], one["version"], one["licence"], one["tarball"], one["sha256"],
            tuple(VendoredFile(f["path"], f["from"], f["sha256"]) for f in one["file"]),
        )
        for one in listed
    ]  # fmt: skip


def mistakes(folder: Path = VENDOR) -> Iterator[str]:
    """Every file that is missing, changed, or not on the list."""
    listed = {file.path: file for package in packages(folder) for file in package.files}
    for path, file in listed.items():
        if not (folder / path).is_file():
            yield f"{path}: missing"
        elif sha256((folder / path).read_bytes()) != file.sha256:
            yield f"{path}: is not what {LIST} says"
    for found in sorted(folder.rglob("*")):
        path = found.relative_to(folder).as_posix()
        if found.is_file() and path != LIST and path not in listed:
            yield f"{path}: not in {LIST}"


def fetch(folder: Path = VENDOR) -> None:
    """Take every file from its tarball again; ValueError when a sum is not the one listed."""
    for package in packages(folder):
        with tempfile.TemporaryDirectory(prefix="dryline-vendor-") as place:
            tarball = _packed(package, Path(place))
            _require(package.tarball, tarball.read_bytes(), package.sha256)
            with tarfile.open(tarball) as archive:
                for file in package.files:
                    member = archive.extractfile(f"package/{file.source}")
                    if member is None:
                        raise ValueError(f"{package.tarball}: {file.source} is no file")
                    content = member.read()
                    _require(f"{package.tarball}: {file.source}", content, file.sha256)
                    (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file.path).write_bytes(content)


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


def _packed(package: VendoredPackage, place: Path) -> Path:
    wanted = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", "--ignore-scripts", wanted]
    done = subprocess.run(  # noqa: S603 - names from our own list
        command, cwd=place, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        raise ValueError(f"npm pack {wanted}: {done.stderr.strip()}")
    return place / package.tarball


def _require(what: str, content: bytes, wanted: str) -> None:
    found = sha256(content)
    if found != wanted:
        raise ValueError(f"{what}: SHA-256 is {found}, {LIST} says {wanted}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch, or check with --check; 1 when something is wrong."""
    words = argparse.ArgumentParser(prog="python -m hmi.vendoring", description=__doc__)
    words.add_argument("--check", action="store_true", help="only compare what is there")
    if not words.parse_args(arguments).check:
        try:
            fetch()
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    found = list(mistakes())
    for mistake in found:
        sys.stderr.write(f"{mistake}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
