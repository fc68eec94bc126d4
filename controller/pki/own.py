"""Our own certificate in the run folder: made at the first start, renewed in good time.

Key and certificate lie in one file, so that a renewal is one step. A PLC has to be told of a new
certificate by a person, so the new one is made `PREPARE_DAYS` before the old one ends and lies
beside it as `next.der`; it is used from `SWITCH_DAYS` before the end.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.core.errors import DrylineError
from controller.pki import certificates as x
from controller.pki import files
from controller.whole_file import PUBLIC, SECRET

URI: Final = "urn:dryline:controller"
NAME: Final = "controller"
VALID_DAYS: Final = 3 * 365
PREPARE_DAYS: Final = 60.0
SWITCH_DAYS: Final = 7.0
_NEXT: Final = "next"


@dataclass(frozen=True, slots=True)
class Own:
    """bundle: file with key and certificate; news: what has just been done, "" for nothing."""

    bundle: Path
    facts: x.Facts
    news: str = ""


def own_path(pki: Path) -> Path:
    """The file with our key and certificate."""
    return pki / "own" / f"{NAME}.pem"


def ensure(pki: Path, utc_s: float, uri: str = URI, name: str = NAME, folder: str = "own") -> Own:
    """Our key and certificate; made, prepared or renewed where it is time for that.

    DrylineError when the file is damaged or others can read it: a key is never replaced in silence.
    """
    home = pki / folder
    with files.locked(pki):
        bundle, following = home / f"{name}.pem", home / f"{_NEXT}-{name}.pem"
        if not bundle.exists():
            facts = _make(bundle, uri, name, utc_s)
            return Own(bundle, facts, f"own certificate made, {_told(facts)}")
        facts = read(bundle)
        left = facts.days_left(utc_s)
        if uri not in facts.application_uris:
            facts = _make(bundle, uri, name, utc_s)
            return Own(bundle, facts, f"own certificate made anew for {uri}, {_told(facts)}")
        if left < SWITCH_DAYS:
            facts = read(following) if following.exists() else facts
            if facts.days_left(utc_s) < PREPARE_DAYS:  # none was prepared, or it lay for years
                facts = _make(following, uri, name, utc_s)
            following.replace(bundle)
            files.write(bundle.with_suffix(".der"), facts.der, PUBLIC)
            following.with_suffix(".der").unlink(missing_ok=True)
            return Own(bundle, facts, f"own certificate renewed, {_told(facts)}")
        if left < PREPARE_DAYS and not following.exists():
            new = _make(following, uri, name, utc_s)
            news = (
                f"own certificate ends in {left:.0f} days; let the PLCs trust the next one, "
                f"{following.with_suffix('.der')}, {_told(new)}, which is used from "
                f"{SWITCH_DAYS:g} days before the end"
            )
            return Own(bundle, facts, news)
        return Own(bundle, facts)


def read(bundle: Path) -> x.Facts:
    """The certificate in a file with its key."""
    content = files.read_secret(bundle)
    if not x.fits(content):
        raise DrylineError(f"{bundle}: damaged: no key with its certificate in it")
    return x.facts_of(content, str(bundle))


def _make(bundle: Path, uri: str, name: str, utc_s: float) -> x.Facts:
    hosts = dict.fromkeys((socket.gethostname(), "localhost", "127.0.0.1"))
    common = f"Dryline {name}"
    content = x.make(uri, common, [h for h in hosts if _usable(h)], VALID_DAYS, utc_s)
    files.write(bundle, content, SECRET)
    facts = x.facts_of(content, str(bundle))
    files.write(bundle.with_suffix(".der"), facts.der, PUBLIC)
    return facts


def _usable(host: str) -> bool:
    return host.isascii() and 0 < len(host) < 64


def _told(facts: x.Facts) -> str:
    return f"fingerprint {x.shown(facts.fingerprint)}, good until {facts.not_after:%Y-%m-%d}"
