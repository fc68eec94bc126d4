"""How long the certificates of the line are good: ours, and those of PLCs that are trusted."""

from pathlib import Path
from typing import Any

from controller.core.errors import DrylineError
from controller.drivers.opcua_settings import PKI
from controller.pki import own
from controller.pki.certificates import Facts, facts_of, shown
from controller.pki.trust import Standing, TrustList

OURS = "controller"


def certificates(run: Path, utc_s: float) -> list[dict[str, Any]]:
    """One row each, what ends first first. A file that cannot be read is a row that says so.

    Reads files: call it in a thread.
    """
    try:
        ours = own.own_path(run / PKI).with_suffix(".der")
        found = [_row(OURS, facts_of(ours.read_bytes(), ours.name), utc_s)] if ours.exists() else []
        trusted = [e for e in TrustList(run / PKI).entries() if e.standing is Standing.TRUSTED]
        found += [_row(e.station, e.facts, utc_s) for e in trusted]
    except (OSError, DrylineError) as error:
        told = str(error).replace(f"{run}/", "")
        return [{"of": OURS, "not_after": "", "days_left": None, "fingerprint": "", "text": told}]
    return sorted(found, key=lambda row: float(row["days_left"]))


def _row(of: str, facts: Facts, utc_s: float) -> dict[str, Any]:
    return {
        "of": of, "not_after": facts.not_after.isoformat(timespec="seconds"),
        "days_left": round(facts.days_left(utc_s), 1), "fingerprint": shown(facts.fingerprint),
        "text": "",
    }  # fmt: skip
