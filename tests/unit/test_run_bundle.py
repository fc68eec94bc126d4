"""The bundle of a run: what is in it, how it is written, what verify says of another one."""

import csv
import hashlib
import io
import json
import math
import shutil
import subprocess
import sys
import zipfile

import pytest

from controller.clock import NS
from controller.core.errors import DrylineError, StoreError
from controller.core.run import Outcome
from controller.core.sample import Quality
from controller.history import Reader
from controller.runs import archive, bundle_check, manifest, run_samples
from controller.runs.bundle_check import Verdict, verify
from controller.runs.csv_cells import plain_text
from controller.runs.key_plots import KeyPlot
from tests.support.bundles import (
    LENGTH_S,
    PICTURES,
    RECIPE,
    RUN,
    entries,
    event,
    exported,
    head,
    history,
    rebuilt,
    record,
    usual_rows,
)
from tests.support.history import T0_NS, batch, make_tag, new_store, seal, to_minutes

END_NS = T0_NS + LENGTH_S * NS


def files_of(path):
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def table(raw):
    return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))


def samples(path, tag="A.PV"):
    return table(files_of(path)[f"samples/{tag}.csv"])


# -- what is in it -------------------------------------------------------------------------------


def test_any_program_unpacks_it(tmp_path):
    done = exported(tmp_path, plots=PICTURES)
    with zipfile.ZipFile(done.path) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [
            "README.txt", "events.csv", "plots/course.png", "recipe.yaml", "run.json",
            "samples/A.PV.csv", "samples/A.SP.csv", "tags.csv", "manifest.json",
        ]  # fmt: skip
    assert done.files == 9
    assert done.size == done.path.stat().st_size
    if unzip := shutil.which("unzip"):
        assert subprocess.run([unzip, "-tq", done.path], check=False).returncode == 0


def test_the_record_is_whole(tmp_path):
    files = files_of(exported(tmp_path).path)
    run = json.loads(files["run.json"])
    assert run["head"]["id"] == RUN
    assert run["head"]["begun_ns"] == T0_NS
    assert run["head"]["ended_utc"] == "2026-01-01T00:00:30.000000000Z"
    assert run["summary"] == {"cpk": 1.4}
    assert [(e["number"], e["text"], e["after_start"]) for e in run["entries"]] == [
        (1, "begun", "+0:00:01.0"),
        (2, "phase 1", "+0:00:02.0"),
    ]
    assert run["entries"][1]["data"] == {"k": 2}


def test_the_recipe_is_there_byte_for_byte(tmp_path):
    files = files_of(exported(tmp_path).path)
    assert files["recipe.yaml"] == RECIPE.encode()
    run = json.loads(files["run.json"])
    wanted = hashlib.sha256(files["recipe.yaml"]).hexdigest()
    assert run["recipe_sha256"] == run["head"]["content_hash"] == wanted


def test_a_run_of_the_built_in_procedure_has_no_recipe(tmp_path):
    own = record(head=head(content_hash="", recipe="built-in"), recipe_text="")
    done = exported(tmp_path, record=own)
    assert "recipe.yaml" not in files_of(done.path)
    assert verify(done.path).intact


def test_what_changed_in_the_recipe_is_told(tmp_path):
    run = json.loads(files_of(exported(tmp_path).path)["run.json"])
    told = run["difference_to_run_before"]
    assert told["told"].startswith("coater/test-film@1.1.0 -> coater/test-film@1.2.0")
    (row,) = told["rows"]
    assert (row["old"], row["new"], row["unit"]) == ("55", "40", "N/mm")
    assert told["diff"]["parameters"][0]["parameter"] == "lamination_load"


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("", "no recipe to compare with"),
        (RECIPE, "the same recipe"),
        (RECIPE.replace("feed:", "fed:"), "cannot be compared"),
        ("version: x\n", "cannot be compared"),
        ("[1, 2", "cannot be compared"),
        (RECIPE.replace("kind: coater", "kind: slitter"), "cannot be compared"),
    ],
)
def test_a_recipe_that_cannot_be_compared_does_not_stop_the_export(tmp_path, before, told):
    done = exported(tmp_path, record=record(before=before))
    found = json.loads(files_of(done.path)["run.json"])["difference_to_run_before"]
    assert found["told"].startswith(told)
    assert found["rows"] == []
    assert verify(done.path).intact


def test_the_text_for_later_readers_names_every_file(tmp_path):
    files = files_of(exported(tmp_path, plots=PICTURES).path)
    text = files["README.txt"].decode()
    assert RUN in text
    assert all(name in text for name in ("run.json", "recipe.yaml", "events.csv", "tags.csv",
                                         "samples/", "plots/", "manifest.json"))  # fmt: skip
    assert "--expect" in text


def test_numbers_that_json_lacks_and_broken_texts_are_kept_as_words(tmp_path):
    own = record(entries=entries("half \ud800 a character", "null \0 inside"))
    done = exported(tmp_path, record=own, summary={"cpk": math.nan, "low": -math.inf, "n": (1, 2)})
    files = files_of(done.path)
    run = json.loads(files["run.json"])
    assert run["summary"] == {"cpk": "NaN", "low": "-Infinity", "n": [1, 2]}
    assert run["entries"][0]["text"] == "half \ud800 a character"
    assert run["entries"][1]["text"] == "null \0 inside"
    assert [row["text"] for row in table(files["events.csv"])] == [
        "half \\ud800 a character", "null \u2400 inside",
    ]  # fmt: skip
    assert verify(done.path).intact


# -- samples -------------------------------------------------------------------------------------


def test_every_stored_sample_of_the_run_is_there_with_full_precision(tmp_path):
    rows = [(0, 0.1 + 1e-13 * k, 0, T0_NS + k * 123_456_789) for k in range(100)]
    found = samples(exported(tmp_path, rows=rows).path)
    assert [float(r["value"]) for r in found] == [v for _, v, _, _ in rows]
    assert found[1]["time_utc"] == "2026-01-01T00:00:00.123456789Z"
    assert {r["unit"] for r in found} == {"degC"}


def test_the_value_that_held_at_start_comes_first_with_its_own_time(tmp_path):
    found = samples(exported(tmp_path).path, "A.SP")
    assert [(r["time_utc"], r["value"]) for r in found] == [
        ("2025-12-31T23:59:40.000000000Z", "-65.0"),
        ("2026-01-01T00:00:04.000000000Z", "-60.0"),
    ]


def test_a_value_from_long_before_start_no_longer_held(tmp_path):
    found = samples(exported(tmp_path, rows=[(1, 1.0, 0, T0_NS - 3600 * NS)]).path, "A.SP")
    assert found == []


def test_the_window_takes_in_both_ends_and_nothing_else(tmp_path):
    times = [T0_NS, T0_NS + 1, END_NS - 1, END_NS, END_NS + 1]
    found = samples(exported(tmp_path, rows=[(0, 1.0, 0, t) for t in times]).path)
    assert [r["time_utc"][-11:-1] for r in found] == [
        ".000000000", ".000000001", ".999999999", ".000000000"
    ]  # fmt: skip


def test_quality_is_told_in_words_and_as_code(tmp_path):
    rows = [(0, 1.0, q, T0_NS + k) for k, q in enumerate((0, 65, 130, 77))]
    found = samples(exported(tmp_path, rows=rows).path)
    assert [(r["quality"], r["quality_code"]) for r in found] == [
        ("Good", "0"), ("Uncertain: held", "65"), ("Bad: link", "130"), ("Uncertain: 77", "77"),
    ]  # fmt: skip


def test_values_that_are_no_numbers_are_told_and_no_formula(tmp_path):
    values = (math.nan, math.inf, -math.inf, -65.0, -0.0)
    rows = [(0, v, Quality.BAD_NOT_A_NUMBER, T0_NS + k) for k, v in enumerate(values)]
    found = [r["value"] for r in samples(exported(tmp_path, rows=rows).path)]
    assert found == ["NaN", "Infinity", "'-Infinity", "-65.0", "-0.0"]
    assert [repr(float(plain_text(v))) for v in found] == [repr(v) for v in values]


def test_pages_of_samples_are_put_together_without_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(run_samples, "PAGE", 7)
    rows = [(0, float(k), 0, T0_NS + k * NS // 4) for k in range(100)]
    store = new_store(tmp_path / "history.db", "A.PV")
    store.commit(batch([(1, *row[1:]) for row in rows[:60]]))
    seal(store)
    store.commit(batch([(1, *row[1:]) for row in rows[60:]]))
    store.close()
    assert [float(r["value"]) for r in samples(exported(tmp_path).path)] == [
        float(k) for k in range(100)
    ]


def test_a_tag_without_history_has_an_empty_file_and_a_note(tmp_path):
    done = exported(tmp_path, tags=[make_tag("A.PV"), make_tag("A.NEW")])
    assert samples(done.path, "A.NEW") == []
    assert "A.NEW: history knows no such tag" in done.notes
    assert done.notes == verify(done.path).notes


def test_samples_that_history_let_go_are_noted(tmp_path):
    store = new_store(tmp_path / "history.db", "A.PV")
    store.commit(batch([(1, float(k), 0, T0_NS + k * NS) for k in range(LENGTH_S)]))
    seal(store)
    store.retain(2**62, to_minutes())
    store.close()
    done = exported(tmp_path)
    text = f"0 samples of {LENGTH_S}: history has let the others go and keeps roll-ups over 60 s"
    assert f"A.PV: {text}" in done.notes
    assert samples(done.path) == []
    assert "history has no sample of the run" in done.notes


def test_history_that_ends_before_the_run_is_noted(tmp_path):
    done = exported(tmp_path, rows=[(0, 1.0, 0, T0_NS + 7 * NS)])
    assert any(n.startswith("history ends at 2026-01-01T00:00:07") for n in done.notes)
    assert not any("history ends" in n for n in exported_elsewhere(tmp_path).notes)


def exported_elsewhere(folder):
    other = folder / "other"
    other.mkdir()
    return exported(other)


def test_an_open_run_is_exported_up_to_its_newest_sample(tmp_path):
    own = record(head=head(ended_ns=None, outcome=Outcome.OPEN))
    done = exported(tmp_path, record=own)
    assert samples(done.path)[-1]["time_utc"] == "2026-01-01T00:00:34.000000001Z"
    assert any("open when this was exported" in note for note in done.notes)
    assert "not yet" in files_of(done.path)["README.txt"].decode()


def test_the_tag_list_says_what_the_files_hold(tmp_path):
    rows = table(files_of(exported(tmp_path).path)["tags.csv"])
    assert [(r["tag"], r["unit"], r["samples"]) for r in rows] == [
        ("A.PV", "degC", str(LENGTH_S)),
        ("A.SP", "degC", "1"),
    ]


# -- events --------------------------------------------------------------------------------------


def test_events_beside_the_run_stand_between_its_entries(tmp_path):
    history(
        tmp_path / "history.db",
        events=[
            event("=HYPERLINK(1)"),
            event("of the station", "cell"),
            event("of the run, known already", "cell", run=RUN),
            event("of another station", "press"),
            event("too late", after_s=LENGTH_S + 1),
        ],
    )
    rows = table(files_of(exported(tmp_path).path)["events.csv"])
    assert [(r["of"], r["number"], r["text"]) for r in rows] == [
        ("run", "1", "begun"),
        ("station", "", "of the station"),
        ("line", "", "'=HYPERLINK(1)"),
        ("run", "2", "phase 1"),
    ]
    assert [r["after_start_s"] for r in rows] == ["1.0", "1.5", "1.5", "2.0"]


# -- pictures ------------------------------------------------------------------------------------


def test_without_matplotlib_the_bundle_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = exported(tmp_path, plots=PICTURES)
    assert not any(name.startswith("plots/") for name in files_of(done.path))
    assert any("pip install 'dryline[plot]'" in note for note in done.notes)
    assert verify(done.path).intact


def test_a_picture_of_nothing_is_left_out_and_noted(tmp_path):
    done = exported(tmp_path, plots=[KeyPlot("x", "X", (("A.NONE",),))])
    assert "plots/x.png: history has nothing to draw" in done.notes


def test_pictures_do_not_depend_on_what_the_user_prefers(tmp_path):
    import matplotlib as mpl  # noqa: PLC0415

    first = exported(tmp_path, "a.zip", plots=PICTURES)
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red"}):
        second = exported(tmp_path, "b.zip", plots=PICTURES)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert files_of(first.path)["plots/course.png"].startswith(b"\x89PNG")


# -- writing -------------------------------------------------------------------------------------


def test_the_same_run_gives_the_same_bytes(tmp_path):
    first, second = exported(tmp_path, "a.zip"), exported(tmp_path, "b.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


def test_an_existing_file_stays_unless_forced(tmp_path):
    path = tmp_path / "run.zip"
    path.write_text("mine")
    with pytest.raises(DrylineError, match="--force"):
        exported(tmp_path)
    assert path.read_text() == "mine"
    assert verify(exported(tmp_path, force=True).path).intact


def test_a_file_that_appears_meanwhile_stays(tmp_path):
    path = tmp_path / "run.zip"

    def interfere(name):
        if name == "tags.csv":
            path.write_text("theirs")

    with pytest.raises(DrylineError, match="there already"):
        exported(tmp_path, told=interfere)
    assert path.read_text() == "theirs"


def test_a_failure_leaves_neither_a_bundle_nor_a_piece_of_one(tmp_path):
    def fail(name):
        if name == "run.json":
            raise OSError("disk is full")

    history(tmp_path / "history.db")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(StoreError, match="full"):
        exported(tmp_path, told=fail)
    left = {p.name for p in tmp_path.iterdir()} - {"history.db-shm", "history.db-wal"}
    assert left == set(before) - {"history.db-shm", "history.db-wal"}


def test_a_record_that_contradicts_itself_is_not_exported(tmp_path):
    for wrong in (
        record(recipe_text=RECIPE + "\n"),
        record(recipe_text=""),
        record(entries=entries("a", "b")[1:]),
        record(entries=entries("a") * 2),
    ):
        with pytest.raises(DrylineError, match=RUN):
            exported(tmp_path, record=wrong)


def test_a_run_too_long_for_one_bundle_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 6000)
    with pytest.raises(DrylineError, match="too long"):
        exported(tmp_path)
    monkeypatch.setattr(archive, "MAX_BYTES", 2**32 - 2)
    monkeypatch.setattr(manifest, "MAX_TOTAL", 6000)
    with pytest.raises(DrylineError, match="too long"):
        exported(tmp_path)
    assert not (tmp_path / "run.zip").exists()


@pytest.mark.parametrize("tag", ["../X", "A B", "", "C:X", "x" * 200, "Ä", "a.pv", "A/../B"])
def test_a_tag_that_cannot_name_a_file_is_refused(tmp_path, tag):
    with pytest.raises(DrylineError, match="cannot be the name"):
        exported(tmp_path, tags=[make_tag("A.PV"), make_tag(tag)])


# -- verify, what it says (that it finds everything is shown in tests/property) -------------------


def test_a_bundle_as_exported_is_intact(tmp_path):
    done = exported(tmp_path, plots=PICTURES)
    found = verify(done.path, done.sha256.upper())
    assert found.verdict is Verdict.INTACT
    assert (found.differences, found.sha256, found.run) == ((), done.sha256, RUN)
    assert found.files == done.files


def test_another_bundle_than_the_expected_one_is_told(tmp_path):
    done = exported(tmp_path, "a.zip")
    other = exported(tmp_path, "b.zip", summary={})
    assert verify(other.path).intact
    (told,) = verify(other.path, done.sha256).differences
    assert done.sha256 in told
    assert other.sha256 in told


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 10_000, b"PK\5\6" + bytes(18)])
def test_a_file_that_is_no_bundle_is_told_apart(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert verify(path).verdict is Verdict.NO_BUNDLE
    assert verify(tmp_path).verdict is Verdict.NO_BUNDLE
    assert verify(tmp_path / "none").differences == ("no such file",)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("manifest.json", "{}")
    assert verify(path).verdict is Verdict.NO_BUNDLE


def repacked(path, change):
    """What somebody gets who unpacks a bundle, changes files and packs them again."""
    files = files_of(path)
    change(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, raw in files.items():
            opened.writestr(name, raw)
    return verify(path)


def test_each_changed_file_is_named(tmp_path):
    def change(files):
        files["run.json"] = files["run.json"].replace(b"ada", b"eve")
        files["samples/A.SP.csv"] += b"\r\n"
        files["extra.txt"] = b"x"
        files["events-2.csv"] = files.pop("events.csv")
        del files["tags.csv"]

    found = repacked(exported(tmp_path).path, change)
    assert found.verdict is Verdict.ALTERED
    told = "\n".join(found.differences)
    for wanted in (
        "run.json: was altered: its SHA-256 is another",
        "samples/A.SP.csv: was altered: more instead of",
        "extra.txt: was added",
        "events-2.csv: is new; has the content of events.csv, so it was renamed",
        "events.csv: is missing",
        "tags.csv: is missing",
        "archive: ",
    ):
        assert wanted in told
    assert "A.PV" not in told


def test_packing_the_same_files_again_shows_too(tmp_path):
    found = repacked(exported(tmp_path).path, lambda files: None)
    assert found.verdict is Verdict.ALTERED
    assert all(text.startswith("archive: ") for text in found.differences)


def test_an_altered_manifest_is_named(tmp_path):
    path = exported(tmp_path).path
    path.write_bytes(path.read_bytes().replace(b'"station": "cell"', b'"station": "sell"'))
    found = verify(path)
    assert "manifest.json: not the one that the seal" in "\n".join(found.differences)


def test_a_name_twice_is_told(tmp_path):
    path = exported(tmp_path).path
    with zipfile.ZipFile(path, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("run.json", b"{}")
    assert "run.json: is in the archive more than once" in verify(path).differences


def test_names_that_lead_elsewhere_are_told_and_never_followed(tmp_path):
    path = exported(tmp_path).path
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr("../../evil", b"x")
        opened.writestr("/etc/evil\x1b[2J", b"x")
    found = verify(path)
    assert "../../evil: was added" in found.differences
    assert all(text.isprintable() for text in found.differences)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = exported(tmp_path).path

    def change(files):
        files["samples/A.PV.csv"] = bytes(200 * 2**20)

    read = 0
    pieces = bundle_check._Entries._pieces

    def counted(self, name, limit):
        nonlocal read
        for piece in pieces(self, name, limit):
            read += len(piece)
            yield piece

    monkeypatch.setattr(bundle_check._Entries, "_pieces", counted)
    assert "samples/A.PV.csv: was altered: more" in "\n".join(repacked(path, change).differences)
    assert read < 2**20


def test_a_rebuilt_bundle_whose_record_does_not_fit_is_found(tmp_path):
    files = files_of(exported(tmp_path).path)
    del files["manifest.json"]
    path = tmp_path / "forged.zip"

    def forged(**changed):
        found = verify(rebuilt(path, files | changed))
        return "\n".join(found.differences)

    assert forged() == ""
    run = json.loads(files["run.json"])
    assert "recipe.yaml: SHA-256" in forged(**{"recipe.yaml": b"other"})
    gap = run | {"entries": run["entries"][1:]}
    assert "entry 1 is missing" in forged(**{"run.json": json.dumps(gap).encode()})
    other = run | {"head": run["head"] | {"id": "another"}}
    assert "run, station or software" in forged(**{"run.json": json.dumps(other).encode()})
    assert "not a record" in forged(**{"run.json": b"[]"})
    assert "not a record" in forged(**{"run.json": b"[" * 100_000})
    assert "run.json: is not listed" in "\n".join(
        verify(rebuilt(path, {"README.txt": files["README.txt"]})).differences
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files_sha256": "0" * 64}, "files_sha256: not the sum"),
        ({"format": 2}, "format: Input should be 1"),
        ({"run": "other"}, "run, station or software"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_found(tmp_path, changes, told):
    files = files_of(exported(tmp_path).path)
    del files["manifest.json"]
    found = verify(rebuilt(tmp_path / "forged.zip", files, **changes))
    assert found.verdict is Verdict.ALTERED
    assert told in "\n".join(found.differences)


def test_history_is_left_as_it_was(tmp_path):
    history(tmp_path / "history.db", usual_rows())
    with Reader(tmp_path / "history.db") as reader:
        before = reader.span("A.PV")
        exported(tmp_path)
        assert reader.span("A.PV") == before
