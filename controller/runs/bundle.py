"""The bundle of a run: one file that holds all there is to know of it, for years.

`archive` has its bytes, `manifest` its sums, `bundle_check` finds out whether it was altered.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.core.run import RunRecord
from controller.core.tag import Tag
from controller.history.several import AnyReader
from controller.recipe_diff import Proven
from controller.recipe_kind import RecipeKind
from controller.runs.archive import PIECE, ArchiveWriter, Stored
from controller.runs.bundle_plot import PlotError, draw
from controller.runs.bundle_text import events_csv, readme
from controller.runs.csv_cells import clean
from controller.runs.key_plots import KeyPlot
from controller.runs.manifest import BeforeManifest, Manifest, file_sums, list_sum
from controller.runs.recipe_changes import recipe_changes
from controller.runs.run_json import MAX_BYTES, check_record, run_json
from controller.runs.run_samples import SampleFile, run_window, tag_list
from controller.runs.run_times import utc_text
from controller.whole_file import whole_file

LATE_NS = 5 * NS  # a station of a hundred tags has a sample oftener
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSource:
    """What a bundle is made of, beside the history.

    summary: plain JSON values, None when there is none. tags: of the station; plots: of its key
    tags. kinds, proven: to say what changed in the recipe, as for `recipe_diff.diff`.
    """

    record: RunRecord
    summary: object
    tags: Sequence[Tag]
    plots: Sequence[KeyPlot] = ()
    kinds: Mapping[str, RecipeKind] = field(default_factory=dict)
    proven: Proven | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A bundle that was written. sha256: of its manifest, what `--expect` takes."""

    path: Path
    sha256: str
    size: int
    files: int
    notes: tuple[str, ...]


def export(
    source: BundleSource,
    reader: AnyReader,
    path: Path,
    *,
    force: bool = False,
    told: Told | None = None,
) -> Exported:
    """Write the bundle of a run: whole or not at all, and over an existing file only by force.

    told: hears the name of each file as it is begun. The same input gives the same bytes.
    DrylineError when the record contradicts itself, the run is too long for one bundle, or as
    `whole_file` has it.
    """
    check_record(source.record)
    with whole_file(path, force=force) as stream:
        manifest = _Contents(source, reader, told or (lambda _: None)).write(stream)
    return Exported(
        path=path,
        sha256=hashlib.sha256(manifest.to_bytes()).hexdigest(),
        size=path.stat().st_size,
        files=len(manifest.files) + 1,
        notes=manifest.notes,
    )


class _Contents:
    """Puts the files of one bundle into an archive."""

    def __init__(self, source: BundleSource, reader: AnyReader, told: Told) -> None:
        self._source, self._reader, self._told = source, reader, told
        self._head = source.record.head
        self._notes: list[str] = []
        self._stored: list[Stored] = []
        self._window = run_window(self._head, source.tags, reader)
        self._units = {t.name: t.unit for t in reader.tags()}

    def write(self, stream: BinaryIO) -> Manifest:
        """All files in their order; what tells most stands first and unpacked."""
        archive = ArchiveWriter(stream)
        record = self._source.record
        self._add(archive, "README.txt", iter((readme(self._head),)), pack=False)
        self._add(archive, "events.csv", events_csv(record, self._reader, self._window))
        for name, picture in self._pictures():
            self._add(archive, name, iter((picture,)), pack=False)
        if record.recipe_text:
            self._add(archive, "recipe.yaml", iter((record.recipe_text.encode(),)))
        self._add(archive, "run.json", self._run_json())
        self._add_samples(archive)
        manifest = self._manifest(archive)
        archive.finish(manifest.to_bytes())
        return manifest

    def _add(
        self, archive: ArchiveWriter, name: str, pieces: Iterator[bytes], *, pack: bool = True
    ) -> None:
        self._told(name)
        self._stored.append(archive.add(name, pieces, pack=pack))

    def _run_json(self) -> Iterator[bytes]:
        source = self._source
        changes = recipe_changes(source.record, source.kinds, source.proven)
        whole = run_json(source.record, source.summary, changes)
        if len(whole) > MAX_BYTES:
            raise DrylineError(f"run {self._head.id}: its record has {len(whole)} bytes, too many")
        for start in range(0, len(whole), PIECE):
            yield whole[start : start + PIECE]

    def _add_samples(self, archive: ArchiveWriter) -> None:
        files = [
            SampleFile(tag, self._window, tag.name in self._units)
            for tag in sorted(self._source.tags, key=lambda t: t.name)
        ]
        for file in files:
            self._add(archive, file.name, file.pieces(self._reader))
            self._notes += file.notes
        self._add(archive, "tags.csv", tag_list(files))
        reached_ns = max((f.last_ns for f in files), default=0)
        ended_ns = self._head.ended_ns
        if ended_ns is None:
            self._notes.append("the run was open when this was exported: it goes on after this")
        elif not reached_ns:
            self._notes.append("history has no sample of the run")
        elif ended_ns - reached_ns > LATE_NS:
            text = f"history ends at {utc_text(reached_ns)}, before the run did"
            self._notes.append(f"{text}: {utc_text(ended_ns)}")

    def _pictures(self) -> Iterator[tuple[str, bytes]]:
        for plot in sorted(self._source.plots, key=lambda p: p.name):
            try:
                picture = draw(plot, self._reader, self._units, self._window)
            except PlotError as error:
                self._notes.append(f"plots: not drawn, {error}")
                return
            if picture is None:
                self._notes.append(f"plots/{plot.name}.png: history has nothing to draw")
            else:
                yield f"plots/{plot.name}.png", picture

    def _manifest(self, archive: ArchiveWriter) -> Manifest:
        files = file_sums(self._stored)
        return Manifest(
            run=clean(self._head.id),
            station=clean(self._head.station),
            software=clean(self._head.software),
            files=files,
            files_sha256=list_sum(files),
            before_manifest=BeforeManifest(size=archive.size, sha256=archive.digest()),
            notes=tuple(clean(note) for note in self._notes),
        )
