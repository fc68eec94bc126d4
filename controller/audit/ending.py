"""How a trail ends on disk, compared with what is known of its head from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.audit.append_file import BLOCK, AppendFile
from controller.audit.record import Record, decode


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the newest record that is known."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What was found at the end of the file.

    last: the newest whole record; end: offset after it; adopted: whole records after the known
    head; torn: bytes after `end`, of a line that was never finished; broken: why the file does not
    continue the known head, "" when it does.
    """

    last: Record | None
    end: int
    adopted: int = 0
    torn: int = 0
    broken: str = ""


def ending_of(file: AppendFile, known: Head | None) -> Ending:
    """The end of a file, read backwards until the known head is found."""
    size = file.size()
    lines, end, whole = _lines_back_to(file, size, known.number if known else None)
    torn = size - end
    if not lines:
        broken = "" if known is None else f"nothing is left of {known.number} records"
        return Ending(None, 0, torn=torn, broken=broken)
    records = [decode(line) for line in lines]
    last = records[-1]
    if last is None:
        return Ending(None, end, torn=torn, broken="its last line is not as it was written")
    if known is None:
        return Ending(last, end, adopted=0, torn=torn)
    return _compared(records, last, end, torn, known, whole=whole)


def continuation(file: AppendFile, start: int, known: Head) -> Ending:
    """What was added to a file after `start`, where the known head ends."""
    size = file.size()
    if size < start:
        return Ending(None, size, broken=f"it lost its end, {start - size} bytes of it")
    lines, rest = _split(file.read(start, size))
    records = [decode(line) for line in lines]
    before = Head(known.number, known.hash)
    for record in records:
        if record is None or not _follows(record, before):
            return Ending(None, start, broken=f"what follows record {before.number} is not ours")
        before = Head(record.number, record.hash)
    return Ending(
        records[-1] if records else None, size - len(rest), adopted=len(records), torn=len(rest)
    )


def _compared(
    records: Sequence[Record | None], last: Record, end: int, torn: int, known: Head, *, whole: bool
) -> Ending:
    if last.number < known.number:
        broken = f"it ends with record {last.number}, but record {known.number} was written"
        return Ending(last, end, torn=torn, broken=broken)
    before: Head | None = None
    for record in records:
        if before is None:
            if record is None or record.number < known.number:
                continue
            begins_anew = whole and record.number == known.number + 1
            if record.number == known.number:
                if record.hash != known.hash:
                    return Ending(last, end, torn=torn, broken=_other(known.number))
            elif not (begins_anew and record.previous == known.hash):
                return Ending(last, end, torn=torn, broken=_other(known.number))
            before = Head(record.number, record.hash)
        elif record is None or not _follows(record, before):
            return Ending(last, end, torn=torn, broken=_other(before.number + 1))
        else:
            before = Head(record.number, record.hash)
    if before is None:
        return Ending(last, end, torn=torn, broken=_other(known.number))
    return Ending(last, end, adopted=last.number - known.number, torn=torn)


def _other(number: int) -> str:
    return f"its record {number} is not the one that was written"


def _follows(record: Record, head: Head) -> bool:
    return record.number == head.number + 1 and record.previous == head.hash


def _lines_back_to(
    file: AppendFile, size: int, number: int | None
) -> tuple[list[bytes], int, bool]:
    """Whole lines at the end of the file, the offset after them, and whether these are all."""
    span = BLOCK
    while True:
        start = max(0, size - span)
        lines, rest = _split(file.read(start, size))
        if start > 0:
            lines = lines[1:]  # its beginning is not there
        first = decode(lines[0]) if lines else None
        reached = first is not None and (number is None or first.number <= number)
        if start == 0 or reached:
            return lines, size - len(rest), start == 0
        span *= 2


def _split(raw: bytes) -> tuple[list[bytes], bytes]:
    """Lines with their ends, and what stands after the last end."""
    *lines, rest = raw.split(b"\n")
    return [line + b"\n" for line in lines], rest
