"""Cases of wrong configurations: a good folder and the edits that spoil it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILES = ("line.toml", "io_list.csv")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the one occurrence of `find` in a file; an empty `find` stands for the whole file."""

    file: str
    find: bytes
    replace: bytes

    def apply(self, folder: Path) -> None:
        path = folder / self.file
        before = path.read_bytes()
        if not self.find:
            path.write_bytes(self.replace)
            return
        count = before.count(self.find)
        if count != 1:
            raise ValueError(f"{self.find!r} stands {count} times in {self.file}, must be once")
        path.write_bytes(before.replace(self.find, self.replace))


def edits(case: Path) -> list[Edit]:
    """The [[edit]] tables of a case.toml.

    Keys: file; find; replace, or replace_hex for bytes that are no text; times repeats the
    replacement.
    """
    document = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    found = []
    for table in document["edit"]:
        unknown = set(table) - {"file", "find", "replace", "replace_hex", "times"}
        if unknown or table["file"] not in FILES:
            raise ValueError(f"{case.name}: {unknown or table['file']}")
        text = table.get("replace", "").encode()
        text = bytes.fromhex(table["replace_hex"]) if "replace_hex" in table else text
        replace = text * table.get("times", 1)
        found.append(Edit(table["file"], table.get("find", "").encode(), replace))
    return found


def build(base: Path, case: Path, target: Path) -> Path:
    """A folder with the spoilt files; a file whose whole text became empty is left out."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (target / name).write_bytes((base / name).read_bytes())
    for edit in edits(case):
        edit.apply(target)
    for name in FILES:
        if not (target / name).read_bytes():
            (target / name).unlink()
    return target
