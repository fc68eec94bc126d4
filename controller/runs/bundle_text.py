"""`README.txt` and `events.csv` of a bundle."""

from collections.abc import Iterator

from controller.core.run import RunHead, RunRecord
from controller.history.several import AnyReader
from controller.runs.csv_cells import Cell, clean, line
from controller.runs.run_json import recipe_in_words, seconds_after
from controller.runs.run_times import Window, utc_text

_README = """\
Dryline run bundle
==================

One run of one station of a production line: what it was told to do, what it did, what was
measured meanwhile. A run is everything from START to its end.

  run       {id}
  station   {station} (kind: {kind})
  recipe    {recipe}
  begun     {begun} by {begun_by}: {reason}
  ended     {ended}
  software  Dryline {software}

Every time is UTC. "t" in the names below stands for a tag, a measured or computed value of the
station; tags.csv says what each one means and in which unit it is.

  README.txt     this text
  run.json       the record: head, quality summary, what changed in the recipe since the run before,
                 and every entry in the order it happened (states, phases, commands with who and
                 why, prompts, alarms). Times in nanoseconds since 1970-01-01T00:00:00Z beside the
                 same time in words. Entries are numbered 1, 2, 3 ... without a gap.
  recipe.yaml    the recipe the run followed, byte for byte as it was when START was given; missing
                 when the station followed its built-in procedure
  events.csv     the entries as a table, with what happened beside the run on the station and on the
                 line as a whole (column "of")
  tags.csv       the tags: meaning, unit, range, and how many samples there are
  samples/t.csv  every stored sample of a tag. A sample is stored when the value left its dead-band,
                 when its quality changed, and at least once in a while; until the next sample the
                 value is to be taken as the same. The first row may be from before START: that is
                 the value which held then. A value counts only with quality Good (code below 64)
                 or, with care, Uncertain (below 128); Bad ones (128 and above) are no measurement.
  plots/*.png    pictures of the most important tags: curve = mean over time, band = lowest to
                 highest sample, red = Bad samples, open = nothing known
  manifest.json  size and SHA-256 of every file above, and notes on what could not be put in

CSV files are UTF-8, separated by commas, quoted as RFC 4180 has it; a decimal point is a point.
So that no program takes a text for a formula, an apostrophe stands before a text that begins with
= + - @ or the like, also after a comma, semicolon, tab, bar or line break inside a text. Texts
that have an apostrophe of their own in such a place got a second one. Take one off each such place
and the text is what it was. Numbers, as -65.0, are as they are.

Has anything been altered?
--------------------------
  dryline run verify THIS-FILE.zip
checks every byte of this archive, not only of the files in it. Without Dryline: unpack it and
compare `sha256sum` of each file with manifest.json. "files_sha256" there is the SHA-256 of the
lines `SUM  NAME` of all files in the order of their names, each ended by a line feed;
"before_manifest" is the SHA-256 of that many bytes from the beginning of this archive. The comment
of the archive is the SHA-256 of manifest.json.

All this finds what was altered by accident or by somebody who does not rebuild the whole archive.
Somebody who does can make a bundle that looks intact. To exclude that too, compare the SHA-256 of
manifest.json with the one noted elsewhere when the bundle was exported (verify --expect SUM).
"""


def readme(head: RunHead) -> bytes:
    """The text that explains everything else."""
    if head.ended_ns is None:
        ended = "not yet: the run was open when this was exported"
    else:
        why = f": {head.why_ended}" if head.why_ended else ""
        ended = f"{utc_text(head.ended_ns)}, {head.outcome.value}{why}"
    words = {
        "id": head.id, "station": head.station, "kind": head.kind,
        "recipe": recipe_in_words(head), "begun": utc_text(head.begun_ns),
        "begun_by": head.begun_by or "nobody named", "reason": head.reason or "no reason given",
        "ended": ended, "software": head.software,
    }  # fmt: skip
    shown = {key: " ".join(clean(text).split()) for key, text in words.items()}
    return _README.format(**shown).encode()


def events_csv(record: RunRecord, reader: AnyReader, window: Window) -> Iterator[bytes]:
    """Entries of the run, and from history what else happened to its station and to the line."""
    columns = ("time_utc", "after_start_s", "of", "number", "kind", "subject", "text", "actor")
    yield line(columns).encode()
    head = record.head
    rows: list[tuple[int, tuple[Cell, ...]]] = [
        (e.time_ns, ("run", e.number, e.kind, e.subject, e.text, e.actor)) for e in record.entries
    ]
    for station, of in ((head.station, "station"), ("", "line")):
        for e in reader.events(window.start_ns, window.stop_ns, station=station):
            if e.data.get("run") != head.id:
                rows.append((e.time_ns, (of, None, e.kind.value, e.subject, e.text, e.actor)))
    rows.sort(key=lambda row: row[0])  # stable: entries of one instant keep their order
    for time_ns, cells in rows:
        when = (utc_text(time_ns), seconds_after(time_ns, head.begun_ns))
        yield line((*when, *cells)).encode()
