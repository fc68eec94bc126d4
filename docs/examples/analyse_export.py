# ruff: noqa: T201 - it prints what it finds
"""What an export tells, with pandas and DuckDB: frost point of the enclosure, shear of the coater.

    dryline export shift.parquet ENC.DP.ZONE COAT.ENIP --from -8h
    dryline export minutes.parquet ENC.DP.ZONE COAT.ENIP --from -8h --every 1min
    python docs/examples/analyse_export.py shift.parquet minutes.parquet --band -62 -58

Needs pandas, pyarrow and duckdb.
"""

import argparse
import json
from typing import Any

import duckdb
import pandas as pd

FROST_POINT, SHEAR = "ENC.DP.ZONE", "COAT.ENIP"
MOSTLY = 0.5  # a minute of which less is known tells nothing

# How long each sample held: until the next one of any quality, but not longer than its tag allows.
# Only Good values count as known (quality below 64); `value` is NULL where a sample is Bad.
HELD = """
    CREATE TEMP TABLE held AS
    WITH samples AS (
        SELECT epoch_ns(time) AS at_ns, value, quality, quality_text,
               lead(epoch_ns(time), 1, $stop_ns) OVER (ORDER BY time) AS next_ns
        FROM read_parquet($file) WHERE tag = $tag)
    SELECT *, CASE WHEN quality < 64 AND value IS NOT NULL
                   THEN least(next_ns - at_ns, $hold_ns) ELSE 0 END AS known_ns
    FROM samples
"""


def about(file: str) -> dict[str, Any]:
    """What the export says about itself: window, tags, line, run."""
    query = "SELECT decode(value) FROM parquet_kv_metadata($file) WHERE decode(key) = 'dryline'"
    found = duckdb.execute(query, {"file": file}).fetchone()
    if found is None:
        raise SystemExit(f"{file}: not an export of dryline")
    facts: dict[str, Any] = json.loads(found[0])
    return facts


def per_minute(file: str) -> None:
    """Frost point and shear energy minute by minute, where both are known."""
    steps = pd.read_parquet(file)
    known = steps[steps["known"] >= MOSTLY]
    minutes = known.pivot_table(index="time", columns="tag", values="mean", observed=True)
    both = minutes.reindex(columns=[FROST_POINT, SHEAR]).dropna()
    print(f"minutes: {steps['time'].nunique()}")
    print(f"minutes with both known: {len(both)}")
    if len(both) > 1:
        print(f"correlation: {both[FROST_POINT].corr(both[SHEAR]):.6f}")
        driest = both[both[FROST_POINT] <= both[FROST_POINT].median()]
        print(f"shear energy in the drier half: {driest[SHEAR].mean():.6f} kJ/kg")


def time_in_band(file: str, low: float, high: float) -> None:
    """Share of the known time in which the frost point was in its band, and what is not known."""
    facts = about(file)
    tag = next(t for t in facts["tags"] if t["name"] == FROST_POINT)
    hold_ns = round(max(2 * tag["max_interval_s"] + 5, 60) * 1e9)
    window = facts["window"]
    names = {"file": file, "tag": FROST_POINT, "stop_ns": window["stop_ns"], "hold_ns": hold_ns}
    duckdb.execute("SET TimeZone = 'UTC'")
    duckdb.execute(HELD, names)
    inside, all_known = duckdb.execute(
        "SELECT coalesce(sum(known_ns) FILTER (value BETWEEN $low AND $high), 0),"
        " coalesce(sum(known_ns), 0) FROM held",
        {"low": low, "high": high},
    ).fetchall()[0]
    length_ns = window["stop_ns"] - window["start_ns"]
    print(f"known: {int(all_known) / length_ns:.6f} of the time")
    if all_known:
        print(f"in the band: {int(inside) / int(all_known):.6f} of the known time")
    print("samples by quality:")
    for text, n in duckdb.execute(
        "SELECT quality_text, count(*) FROM held GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        print(f"  {text}: {n}")
    print("longest stretches of which nothing is known:")
    for since_ns, lost_ns in duckdb.execute(
        "SELECT at_ns + known_ns, next_ns - at_ns - known_ns AS lost FROM held"
        " WHERE lost > 0 ORDER BY lost DESC LIMIT 3"
    ).fetchall():
        since = pd.Timestamp(int(since_ns), tz="UTC").isoformat(timespec="seconds")
        print(f"  {since}: {int(lost_ns) / 1e9:.1f} s")


def main() -> None:
    """Read two exports of one window and print what they tell."""
    parser = argparse.ArgumentParser(description="Analyse exports of dryline.")
    parser.add_argument("samples", help="Parquet of samples")
    parser.add_argument("minutes", help="Parquet of the same window with --every 1min")
    parser.add_argument("--band", nargs=2, type=float, default=(-62.0, -58.0), metavar="DEGC")
    words = parser.parse_args()
    per_minute(words.minutes)
    time_in_band(words.samples, *words.band)


if __name__ == "__main__":
    main()
