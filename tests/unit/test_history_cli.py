"""`dryline history` and `dryline events`: windows in local time, calendar buckets, sources."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.__main__ import app
from controller.clock import NS
from controller.config import load_line
from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.core.tag import Tag
from controller.history import Store
from controller.history.store import event_row
from controller.line import tag_table
from tests.support.history import batch
from tests.support.virtual_line import SHIPPED

T0_NS = 1_792_886_400 * NS  # 2026-10-25T00:00:00Z: at 01:00Z the clocks of Berlin go back to 02:00
HOUR_NS = 3600 * NS


def dryline(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of a tag, one sample a minute, whose values are the hours since T0; ten events."""
    folder = tmp_path_factory.mktemp("run")
    config = load_line(SHIPPED)
    table = tag_table(config)
    tags: list[Tag] = [table.tags[table.index("ENC.DP.ZONE")]]
    store = Store.open(folder / config.history.path)
    (number,) = store.catalogue(tags).tolist()
    rows = [
        (number, m / 60, int(Quality.BAD_LINK) if 150 <= m < 180 else 0, T0_NS + m * 60 * NS)
        for m in range(360)
    ]
    events = [
        Event(time_ns=T0_NS + k * HOUR_NS // 2, kind=EventKind.STATE, station="enclosure",
              subject="x", text=f"number {k}", actor="Ann" if k == 3 else "")
        for k in range(10)
    ]  # fmt: skip
    store.commit(batch(rows), [event_row(event) for event in events])
    store.close()
    return folder


def rows_of(run: Path, *words: object) -> list[dict[str, str]]:
    result = dryline("history", "ENC.DP.ZONE", "--run", run, "--csv", *words)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_window_is_typed_and_shown_in_the_zone(run: Path) -> None:
    found = rows_of(
        run, "--zone", "Europe/Berlin", "--from", "2026-10-25 02:30+02:00",
        "--to", "2026-10-25 03:00", "--buckets", "3",
    )  # fmt: skip
    assert [r["from"] for r in found] == [
        "2026-10-25 02:30:00.000+02:00", "2026-10-25 02:00:00.000+01:00",
        "2026-10-25 02:30:00.000+01:00",
    ]  # fmt: skip
    assert [float(r["min"]) for r in found] == [0.5, 1.0, 1.5]


def test_an_hour_that_comes_twice_is_two_buckets(run: Path) -> None:
    found = rows_of(
        run, "--zone", "Europe/Berlin", "--from", "2026-10-25", "--to", "2026-10-25 05:00",
        "--per", "hour",
    )  # fmt: skip
    assert [r["from"][11:13] + r["from"][-6:] for r in found] == [
        "00+02:00", "01+02:00", "02+02:00", "02+01:00", "03+01:00", "04+01:00",
    ]  # fmt: skip
    assert [int(r["samples"]) for r in found] == [0, 0, 60, 60, 30, 60]
    assert [int(r["bad"]) for r in found] == [0, 0, 0, 0, 30, 0]


def test_a_day_of_the_zone_is_one_bucket(run: Path) -> None:
    found = rows_of(run, "--zone", "America/New_York", "--from", "2026-10-24", "--per", "day")
    assert [r["from"] for r in found] == [
        "2026-10-24 00:00:00.000-04:00", "2026-10-25 00:00:00.000-04:00",
    ]  # fmt: skip
    assert [int(r["samples"]) for r in found] == [210, 120]


def test_now_is_the_newest_sample(run: Path) -> None:
    found = rows_of(run, "--from", "-3m", "--buckets", "0")
    assert [float(r["value"]) * 60 for r in found] == [357, 358, 359]
    assert found == rows_of(run, "--last", "3m", "--buckets", "0")


def test_a_bad_sample_has_quality_and_no_value(run: Path) -> None:
    window = ("--from", "2026-10-25 02:29", "--to", "2026-10-25 02:31")
    result = dryline("history", "ENC.DP.ZONE", "--run", run, "--buckets", "0", "--json", *window)
    assert [(r["value"], r["quality"]) for r in json.loads(result.stdout)] == [
        (149 / 60, "Good"), (None, "Bad: link"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2026-10-25 02:30", "--zone", "Europe/Berlin"), "is there twice"),
        (("--from", "2026-03-29 02:30", "--zone", "Europe/Berlin"), "does not exist"),
        (("--from", "soon"), "--from = 'soon'"),
        (("--from", "-1h", "--to", "-2h"), "ends before it begins"),
        (("--from", "-1h", "--last", "1h"), "--last goes without"),
        (("--to", "now"), "--to needs --from"),
        (("--zone", "Berlin"), "no time zone 'Berlin'"),
        (("--buckets", "20000"), "at most 10000"),
        (("--buckets", "5", "--per", "day"), "give one of them"),
        (("--source", "plant"), "no source 'plant'; sources: local"),
    ],
)
def test_a_window_that_cannot_be_is_told(run: Path, words: tuple[str, ...], told: str) -> None:
    result = dryline("history", "ENC.DP.ZONE", "--run", run, *words)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_events_of_a_window_with_a_text_are_shown_in_the_zone(run: Path) -> None:
    def shown(*words: object) -> list[str]:
        result = dryline("events", "--run", run, *words)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    lines = shown("--zone", "Europe/Berlin", "--from", "2026-10-25 02:30+01:00", "--to",
                  "2026-10-25 04:00")  # fmt: skip
    assert [line[:29] for line in lines] == [
        "2026-10-25 02:30:00.000+01:00", "2026-10-25 03:00:00.000+01:00",
        "2026-10-25 03:30:00.000+01:00",
    ]  # fmt: skip
    assert [line.endswith("number 3 [Ann]") for line in lines] == [True, False, False]
    assert len(shown("--text", "ANN")) == 1
    assert [line[-1] for line in shown("--limit", "3")] == ["7", "8", "9"]
    assert len(shown("--from", "-61m")) == 3


def test_a_server_that_is_not_there_is_told_by_its_name(run: Path, tmp_path: Path) -> None:
    line = shutil.copytree(SHIPPED, tmp_path / "line")
    with (line / "line.toml").open("a") as file:
        file.write('\n[sinks.plant]\nkind = "influx"\nurl = "http://127.0.0.1:1"\nbucket = "b"\n')
    for words in (("history", "ENC.DP.ZONE"), ("events",)):
        result = dryline(*words, "--run", run, "--line", line, "--source", "plant")
        assert result.exit_code == 1
        assert "127.0.0.1:1, b: no answer" in result.stderr


@pytest.mark.parametrize("command", [("history", "ENC.DP.ZONE"), ("events",)])
def test_a_line_that_is_not_there_is_told_in_words(run: Path, tmp_path: Path, command) -> None:
    done = dryline(*command, "--run", run, "--line", tmp_path)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert "line.toml" in done.stderr


def test_a_narrow_terminal_cuts_no_time_short(run: Path) -> None:
    words = ["history", "ENC.DP.ZONE", "--last", "1h", "--buckets", "3", "--run", str(run)]
    shown = CliRunner().invoke(app, words, env={"COLUMNS": "70"}).output
    assert "…" not in shown
