"""What rehearsals are, and what they leave in the run folder. Reading and writing block."""

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from controller.api.problems import Problem
from controller.core.errors import ConfigError
from controller.durable import make_folder
from controller.recipe_store import Rehearsal
from controller.whole_file import replace_file

FOLDER, STATE_FILE = "rehearsals", "job.json"
RECORDS = ("rehearsal.json", "recovery.json", "tuning.json")
TRAJECTORY, PICTURE = "trajectory.csv", "trajectory.png"
MOST_KEPT = 40
MAX_RECORD = 4 * 1024 * 1024
Plain = dict[str, Any]


class JobState(StrEnum):
    """How far a rehearsal has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"  # there is a verdict
    REFUSED = "refused"  # it could not be done as it was wished
    ENDED = "ended"  # somebody ended it, or this process ended


OPEN = frozenset({JobState.WAITING, JobState.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall be rehearsed; as the options of `dryline rehearse`."""

    kind: str
    recipe: str
    against: str = ""
    faults: str = ""
    tune: str = ""
    present: str = ""
    seeds: int = 1
    first_seed: int = 1
    minutes: float = 60.0
    neighbours: str = "ideal"

    def words(self, out: Path, recipes: Path, line: Path) -> list[str]:
        """Of the command line. Values stand behind = so that none is taken for an option."""
        options = {
            "out": out, "recipes": recipes, "line": line,
            "against": self.against, "faults": self.faults, "seeds": self.seeds,
            "tune": self.tune, "present": self.present,
            "first-seed": self.first_seed, "minutes": f"{self.minutes:g}",
            "neighbours": self.neighbours,
        }  # fmt: skip
        given = [f"--{name}={value}" for name, value in options.items() if value != ""]
        return ["rehearse", *given, "--workers=1", "--tell", "--json", "--", self.kind, self.recipe]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One rehearsal. done_pct: of the plant time; said: what was wrong with it. Times: UTC ns."""

    id: str
    wanted: Wanted
    by: str
    state: JobState = JobState.WAITING
    done_pct: int = 0
    said: tuple[str, ...] = ()
    asked_ns: int = 0
    begun_ns: int | None = None
    ended_ns: int | None = None

    def plain(self) -> Plain:
        """As the API shows it."""
        return {
            **asdict(self), "state": self.state.value, "wanted": asdict(self.wanted),
            "said": list(self.said),
        }  # fmt: skip


class RehearsalFiles:
    """The folders of rehearsals, one each."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER

    def of(self, own: str) -> Path:
        """The folder of one."""
        return self.folder / own

    def note(self, job: Job) -> None:
        """Keep how far it has come, for a later process."""
        make_folder(self.of(job.id))
        replace_file(self.of(job.id) / STATE_FILE, json.dumps(job.plain(), indent=1) + "\n")

    def forget(self, own: str) -> None:
        """Take one away."""
        shutil.rmtree(self.of(own), ignore_errors=True)

    def left(self) -> list[Job]:
        """What an earlier process left, oldest first; what was under way then is over."""
        files = self.folder.glob(f"*/{STATE_FILE}") if self.folder.is_dir() else []
        found = sorted(
            (job for path in files if (job := _job(path)) is not None), key=lambda j: j.asked_ns
        )
        said = ("the API ended before it was done",)
        return [
            replace(job, state=JobState.ENDED, said=said) if job.state in OPEN else job
            for job in found[-MOST_KEPT:]
        ]

    def record(self, own: str) -> Plain | None:
        """What the rehearsal came to; None before it did."""
        for name in RECORDS:
            path = self.of(own) / name
            if path.is_file() and path.stat().st_size <= MAX_RECORD:
                found: Plain = json.loads(path.read_text(encoding="utf-8"))
                return found
        return None

    def proof(self, own: str) -> Rehearsal:
        """What a release asks for: of a whole rehearsal, not of one with faults or other gains;
        Problem("release")."""
        path = self.of(own) / RECORDS[0]
        try:
            if path.stat().st_size <= MAX_RECORD:
                return Rehearsal.read(path, "")
        except (OSError, ConfigError):
            pass
        told = "has left no record that a release asks for: rehearse the recipe as it stands"
        raise Problem("release", [f"rehearsal {own} {told}"])

    def picture(self, own: str) -> bytes:
        """The picture (PNG); Problem("unknown") where there is none."""
        path = self.of(own) / PICTURE
        if not path.is_file():
            raise Problem("unknown", ["this rehearsal has left no picture"])
        return path.read_bytes()

    def trajectory(self, own: str, tags: Sequence[str]) -> Plain:
        """Columns of the predicted course by seconds since START; `known` has what there is."""
        path = self.of(own) / TRAJECTORY
        if not path.is_file():
            raise Problem("unknown", ["this rehearsal has left no trajectory"])
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            names = next(rows)
            if unknown := [tag for tag in tags if tag not in names]:
                raise Problem("unknown", [f"{tag} is not in this trajectory" for tag in unknown])
            places = [names.index(tag) for tag in tags]
            columns: list[list[float | None]] = [[] for _ in places]
            time_s = []
            for row in rows:
                time_s.append(float(row[0]))
                for column, place in zip(columns, places, strict=True):
                    column.append(_number(row[place]))
        values = dict(zip(tags, columns, strict=True))
        return {"time_s": time_s, "values": values, "known": names[1:]}


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _job(path: Path) -> Job | None:
    """A job as it was noted; None for a file that is none."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        wanted = Wanted(**plain.pop("wanted"))
        plain |= {"state": JobState(plain["state"]), "said": tuple(plain["said"])}
        return Job(wanted=wanted, **plain)
    except (OSError, ValueError, TypeError, LookupError):
        return None
