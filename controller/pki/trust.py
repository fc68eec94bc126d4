"""Which PLC certificates are trusted, for which station: RUN/pki/trusted and RUN/pki/rejected.

One file a certificate, named after its fingerprint, in a folder for its station. A certificate
that was presented and is not trusted is kept in `rejected` for a person to look at. Moving a file
is one step, so what a controller finds when it connects is the list before or after, never half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from controller.core.errors import DrylineError
from controller.pki import files
from controller.pki.certificates import Facts, facts_of, fingerprint_of, shown, typed
from controller.whole_file import PUBLIC

MOST_REJECTED: Final = 20  # of a station: who presents ever new ones does not fill the disk


class Standing(StrEnum):
    """What a person has said of a certificate; also the names of the folders."""

    TRUSTED = "trusted"
    REJECTED = "rejected"  # or nothing yet: it was presented and refused


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate in the list."""

    station: str
    standing: Standing
    facts: Facts
    path: Path


class TrustList:
    """The list of one run folder. pki: RUN/pki, which need not exist."""

    def __init__(self, pki: Path) -> None:
        self._pki = pki

    def trusted(self, station: str) -> Mapping[str, bytes]:
        """Fingerprint to certificate of every one trusted for a station.

        A file whose content is not what its name says is left out: nobody has looked at it.
        """
        found = {}
        for path in _files(self._folder(Standing.TRUSTED, station)):
            der = path.read_bytes()
            if fingerprint_of(der) == path.stem:
                found[path.stem] = der
        return found

    def note(self, station: str, der: bytes) -> None:
        """Keep a certificate that was refused, for a look; the oldest make room."""
        name = f"{fingerprint_of(der)}.der"
        folder = self._folder(Standing.REJECTED, station)
        if (folder / name).exists() or (self._folder(Standing.TRUSTED, station) / name).exists():
            return
        with files.locked(self._pki):
            kept = sorted(_files(folder), key=lambda p: p.stat().st_mtime_ns)
            for path in kept[: max(0, len(kept) + 1 - MOST_REJECTED)]:
                path.unlink(missing_ok=True)
            files.write(folder / name, der, PUBLIC)

    def entries(self) -> list[Entry]:
        """All of them by station, the trusted ones first."""
        found = []
        for standing in Standing:
            root = self._pki / standing
            for folder in sorted(root.iterdir()) if root.is_dir() else ():
                for path in _files(folder):
                    facts = facts_of(path.read_bytes(), str(path))
                    if facts.fingerprint == path.stem:
                        found.append(Entry(folder.name, standing, facts, path))
        return sorted(found, key=lambda e: (e.station, e.standing is Standing.REJECTED))

    def find(self, text: str, station: str = "") -> Entry:
        """The entry whose fingerprint begins so; DrylineError when there is none or several."""
        digits = typed(text)
        matching = [
            e
            for e in self.entries()
            if e.facts.fingerprint.startswith(digits) and station in ("", e.station)
        ]
        if not matching:
            raise DrylineError(f"no certificate {text}; `dryline trust list` shows those there are")
        if len(matching) > 1:
            rows = "; ".join(f"{e.station} {shown(e.facts.fingerprint)}" for e in matching)
            raise DrylineError(f"{text} is several certificates: {rows}: say which, and --station")
        return matching[0]

    def accept(self, entry: Entry) -> None:
        """Trust it for its station from the next connection on."""
        self._move(entry, Standing.TRUSTED)

    def reject(self, entry: Entry) -> None:
        """Trust it no longer; it stays in the list."""
        self._move(entry, Standing.REJECTED)

    def add(self, station: str, der: bytes) -> bool:
        """Trust a certificate that came another way; False when a person has rejected it."""
        name = f"{fingerprint_of(der)}.der"
        with files.locked(self._pki):
            if (self._folder(Standing.REJECTED, station) / name).exists():
                return False
            path = self._folder(Standing.TRUSTED, station) / name
            if not path.exists():
                files.write(path, der, PUBLIC)
        return True

    def _move(self, entry: Entry, to: Standing) -> None:
        if entry.standing is to:
            raise DrylineError(f"{shown(entry.facts.fingerprint)} is {to} already")
        with files.locked(self._pki):
            try:
                files.move(entry.path, self._folder(to, entry.station))
            except FileNotFoundError:
                raise DrylineError("somebody else has just moved this certificate") from None

    def _folder(self, standing: Standing, station: str) -> Path:
        return self._pki / standing / station


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9a-f]*.der")) if folder.is_dir() else []
