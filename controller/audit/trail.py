"""Writing the audit trail.

Records are on disk, and their anchor beside them, before `append` returns. Threads that come at the
same time share one write; processes take turns by a lock, so that the command line may write while
the line runs. There is no way to switch the trail off, to change a record or to take one out.

When the disk refuses, `append` raises StoreError and what the person wanted does not happen, except
for what brings the plant to rest: `note` keeps such records in memory until the disk takes them.
A trail that is not the one that was written (its end is gone, an older copy lies in its place) is
kept aside and continued in a new file under the next number: the plant must not stand still for
it, and the break stays in the record until somebody answers for it.
"""

import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.audit.anchor import Anchor, AnchorFile, AnchorState, default_anchor
from controller.audit.append_file import AppendFile, TurnLock, free_name
from controller.audit.ending import Ending, Head, continuation, ending_of
from controller.audit.moment import Moment, Now, clock_step_s
from controller.audit.record import (
    FIRST_PREVIOUS,
    MAX_LINE,
    Category,
    Entry,
    Record,
    Result,
    decode,
    encode,
)
from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.core.event import Verb
from controller.durable import sync_folder

TRAIL = "audit.jsonl"
SAFE_VERBS = frozenset({Verb.STOP, Verb.HOLD, Verb.ABORT})
CLOCK_STEP_S = 1.0
MAX_OWED = 1_000
WARN_BYTES = 1_000_000_000  # about two million records
PROGRAM = ""  # the actor of what the program does by itself


@dataclass(slots=True)
class _Wanted:
    """Entries of one caller, and what became of them."""

    entries: Sequence[Entry]
    moment: Moment
    records: list[Record] = field(default_factory=list)
    error: StoreError | None = None
    finished: bool = False
    called: threading.Event = field(default_factory=threading.Event)  # finished, or to lead


class Trail(Closing):
    """The one door to the audit trail of a run folder; all its methods may block on the disk."""

    def __init__(
        self, path: Path, now: Now, anchor: AnchorFile | None = None,
        file_type: type[AppendFile] = AppendFile,
    ) -> None:  # fmt: skip
        self.path, self._now, self._file_type = path, now, file_type
        self.anchor = anchor or default_anchor(path)
        self.failing = ""  # why the disk refuses records
        self.anchor_failing = ""  # why the anchor cannot be written
        self.broken = ""  # what was found broken since this program runs
        self.dropped = 0  # records that memory could not keep while the disk refused
        self._head: Head | None = None
        self._end = 0
        self._last: Moment | None = None
        self._own: list[Entry] = []  # about the trail itself, for the next batch
        self._owed: deque[tuple[Moment, Entry]] = deque()
        self._gather, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Wanted] = []
        self._led = False  # somebody writes for the others
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = TurnLock(path.with_name(path.name + ".lock"))
            self._file = file_type(path)
        except OSError as error:
            raise StoreError(f"{path}: the audit trail cannot be opened: {error}") from error
        with self._turn:
            self._carry_out([])

    @property
    def head(self) -> Anchor:
        """The newest record."""
        head = self._head or Head(0, FIRST_PREVIOUS)
        return Anchor(head.number, head.hash, "program")

    @property
    def size_bytes(self) -> int:
        """How large the file is; above WARN_BYTES it is time to give the trail a new place."""
        return self._end

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._file.close()
            self._lock.close()

    def append(self, *entries: Entry) -> list[Record]:
        """Write records, durably; StoreError when the disk refuses: then do not do it."""
        wanted = _Wanted(entries, self._now())
        for entry in entries:
            _require_writable(entry, wanted.moment)
        with self._gather:
            self._waiting.append(wanted)
            leads, self._led = not self._led, True
        if not leads:
            wanted.called.wait()
        if not wanted.finished:
            self._lead()
        if wanted.error is not None:
            raise wanted.error
        return wanted.records

    def note(self, entry: Entry) -> None:
        """Record something that must happen in any case; kept in memory while the disk refuses."""
        moment = self._now()
        try:
            self.append(entry)
        except StoreError:
            self._owe(moment, entry)

    def owe(self, entry: Entry) -> None:
        """The same without the disk: it is written before the next record that is. Does not
        block."""
        self._owe(self._now(), entry)

    def _owe(self, moment: Moment, entry: Entry) -> None:
        with self._gather:
            if len(self._owed) >= MAX_OWED:
                self.dropped += 1
                return
            self._owed.append((moment, entry))

    def look_at_clock(self) -> None:
        """Record that the wall clock was set, if it was; the next record would tell, too, but not
        of a clock that was set back in time. StoreError when the disk refuses."""
        if self._last is not None and _step(self._last, self._now()):
            with self._turn:
                self._carry_out([])

    def may_act(self, verb: Verb) -> str:
        """Why a command may not be carried out now, "" when it may.

        What brings a station to rest always may. A person's try is also the trail's: when the disk
        has room again the next `append` succeeds.
        """
        if verb in SAFE_VERBS or not self.failing:
            return ""
        return f"the audit trail cannot be written ({self.failing}): free the disk"

    def accept_break(self, actor: str, source: str, reason: str) -> Record:
        """Answer for a break: `verify` counts the trail as intact again, and names who said so."""
        what = Entry(
            category=Category.TRAIL, action="break accepted", actor=actor, source=source,
            reason=reason,
        )  # fmt: skip
        return self.append(what)[0]

    # -- in turn ---------------------------------------------------------------------------------

    def _lead(self) -> None:
        """Write for all who wait by now, then call the first of those who came meanwhile."""
        with self._gather:
            batch, self._waiting = self._waiting, []
        try:
            with self._turn:
                self._carry_out(batch)
        finally:
            with self._gather:
                following = self._waiting[:1]
                self._led = bool(following)
            for wanted in (*batch, *following):
                wanted.called.set()

    def _carry_out(self, batch: Sequence[_Wanted]) -> None:
        """Write what was asked for in one go; every caller learns what became of it."""
        try:
            with self._lock.turn():
                self._settle()
                self._write(batch)
                self._put_anchor()
            self.failing = ""
        except (OSError, StoreError) as error:
            self.failing = getattr(error, "strerror", None) or str(error)
            for wanted in batch:
                wanted.records = []
                wanted.error = StoreError(f"{self.path}: cannot be written: {self.failing}")
            if not batch:
                raise StoreError(f"{self.path}: cannot be written: {self.failing}") from error
        finally:
            for wanted in batch:
                wanted.finished = True
                if wanted.error is None and len(wanted.records) < len(wanted.entries):
                    wanted.error = StoreError(f"{self.path}: writing was interrupted")

    def _settle(self) -> None:
        """Find the end of the file as it is now: others write it too, and some should not."""
        if self._head is None:
            self._settle_first()
            return
        if self._file.closed:
            self._file, self._end = self._file_type(self.path), 0
        self._file.mend()
        if not self._file.in_place():
            self._file.close()
            self._file = self._file_type(self.path)
            self._take(ending_of(self._file, self._newest_known(self._head)), first=True)
        elif self._file.size() != self._end:
            self._take(continuation(self._file, self._end, self._head))

    def _newest_known(self, head: Head) -> Head:
        """Another process may have gone on in a new file while this one wrote nothing."""
        anchors, _ = self._read_anchor()
        newer = anchors and anchors[0].number > head.number
        return Head(anchors[0].number, anchors[0].hash) if newer else head

    def _settle_first(self) -> None:
        anchors, state = self._read_anchor()
        known = Head(anchors[0].number, anchors[0].hash) if anchors else None
        found = ending_of(self._file, known)
        if found.last is None and known is None and not found.broken:
            self._head = Head(0, FIRST_PREVIOUS)
            if found.torn:
                self._file.cut(0)
            self._say("begun", detail=f"trail {uuid.uuid4().hex}")
            return
        if known is None and state is not AnchorState.DAMAGED and found.last is not None:
            self._say("anchor missing", Result.FAILED, f"expected at {self.anchor.path}")
        if not anchors and state is AnchorState.DAMAGED:
            self._say("anchor damaged", Result.FAILED, f"{self.anchor.path}")
        self._head = known or (Head(found.last.number, found.last.hash) if found.last else None)
        self._take(found, first=True)

    def _take(self, found: Ending, *, first: bool = False) -> None:
        if found.broken:
            self._break(found.broken)
            return
        if found.torn:
            self._file.cut(found.end)
            self._say("unfinished record removed", detail=f"{found.torn} bytes")
        self._end = found.end
        if found.last is None:
            return
        self._head = Head(found.last.number, found.last.hash)
        self._last = found.last.moment
        unanchored = found.adopted if first else self._behind()
        if unanchored:
            self._say("adopted", detail=f"{unanchored} records that no anchor knew")

    def _behind(self) -> int:
        """Records of another process that it did not live to anchor."""
        anchors, _ = self._read_anchor()
        head = self._head.number if self._head else 0
        return head - anchors[0].number if anchors and anchors[0].number < head else 0

    def _break(self, why: str) -> None:
        """Keep the file aside and go on in a new one, under the number after the known head."""
        if self._head is None:
            self._head = self._last_readable()
        self._file.close()
        kept = "nothing of it is left"
        if self.path.exists() and self.path.stat().st_size == 0:
            self.path.unlink()
        elif self.path.exists():
            aside = free_name(self.path, "broken")
            self.path.rename(aside)
            kept = f"kept as {aside.name}"
        self.broken = f"audit trail broken after record {self._head.number}: {why}; {kept}"
        self._own.insert(0, _about_trail("continued", Result.FAILED, f"{why}; {kept}"))
        self._end, self._last = 0, None
        self._file = self._file_type(self.path)
        sync_folder(self.path.parent)

    def _last_readable(self) -> Head:
        """Without an anchor the numbers go on after the last record that can be read."""
        raw = self._file.read(0, self._file.size())
        records = [r for r in map(decode, raw.splitlines(keepends=True)) if r is not None]
        return Head(records[-1].number, records[-1].hash) if records else Head(0, FIRST_PREVIOUS)

    def _write(self, batch: Sequence[_Wanted]) -> None:
        with self._gather:
            owed = list(self._owed)
        now = self._now()
        plan: list[tuple[Entry, Moment, bool, _Wanted | None]] = [
            (entry, now, False, None) for entry in self._own
        ]
        if self.dropped:
            lost = _about_trail("records lost", Result.FAILED, f"{self.dropped} while the disk "
                                "refused and memory was full")  # fmt: skip
            plan.append((lost, now, False, None))
        plan += [(entry, moment, True, None) for moment, entry in owed]
        plan += [(e, wanted.moment, False, wanted) for wanted in batch for e in wanted.entries]
        if not plan:
            plan = [(step, now, False, None) for step in _step(self._last, now)]
        if not plan:
            return
        self._put(plan)
        self._own.clear()
        self.dropped = 0
        with self._gather:
            for _ in owed:
                self._owed.popleft()

    def _put(self, plan: Sequence[tuple[Entry, Moment, bool, _Wanted | None]]) -> None:
        head, last = self._head or Head(0, FIRST_PREVIOUS), self._last
        lines: list[bytes] = []
        made: list[tuple[_Wanted, Record]] = []
        for entry, moment, late, wanted in plan:
            todo = [entry]
            if entry.category is Category.CLOCK:
                last = moment  # it tells itself
            elif not late:
                todo = [*_step(last, moment), entry]
                last = moment
            for one in todo:
                line, own = encode(one, head.number + 1, moment, head.hash, late)
                lines.append(line)
                record = Record(head.number + 1, moment, late, head.hash, own, one)
                head = Head(record.number, own)
            if wanted is not None:
                made.append((wanted, record))
        content = b"".join(lines)
        self._file.append(content)
        self._end += len(content)
        self._head, self._last = head, last
        for wanted, record in made:
            wanted.records.append(record)

    # -- anchor ----------------------------------------------------------------------------------

    def _read_anchor(self) -> tuple[list[Anchor], AnchorState]:
        try:
            return self.anchor.read()
        except OSError as error:
            self.anchor_failing = error.strerror or str(error)
            return [], AnchorState.DAMAGED

    def _put_anchor(self) -> None:
        """A place outside that does not answer is no reason to stop a plant: it is told, and the
        chain goes on."""
        if self._head is None:
            return
        try:
            self.anchor.write(self._head.number, self._head.hash)
        except OSError as error:
            why = error.strerror or str(error)
            if not self.anchor_failing:
                self._say("anchor failing", Result.FAILED, f"{self.anchor.path}: {why}")
            self.anchor_failing = why
        else:
            if self.anchor_failing:
                self._say("anchor written again")
            self.anchor_failing = ""

    def _say(self, action: str, result: Result = Result.DONE, detail: str = "") -> None:
        self._own.append(_about_trail(action, result, detail))


def _about_trail(action: str, result: Result, detail: str) -> Entry:
    return Entry(
        category=Category.TRAIL, action=action, actor=PROGRAM, source="", result=result,
        detail=detail,
    )  # fmt: skip


def _require_writable(entry: Entry, moment: Moment) -> None:
    """Before it is put together with the entries of others, which must not fail for it."""
    line, _ = encode(entry, 0, moment, FIRST_PREVIOUS, late=False)
    if len(line) > MAX_LINE:
        raise ValueError(f"audit record of {len(line)} bytes: at most {MAX_LINE}")


def _step(before: Moment | None, after: Moment) -> list[Entry]:
    """The record of a clock that was set since the record before."""
    step_s = clock_step_s(before, after) if before is not None else 0.0
    if abs(step_s) < CLOCK_STEP_S:
        return []
    return [
        Entry(
            category=Category.CLOCK, action="clock set", actor=PROGRAM, source="",
            old=before.utc_ns if before else None, new=after.utc_ns, result=Result.DONE,
            detail=f"the wall clock was set by {step_s:+.3f} s",
        )
    ]  # fmt: skip
