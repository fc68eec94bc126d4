"""Commands for the certificates of PLCs: `dryline trust list|show|accept|reject|add`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from controller.cli import AsJson, RunFolder, errors, print_json, screen, told
from controller.clock import WallClock
from controller.core.errors import DrylineError
from controller.drivers.opcua_settings import PKI
from controller.durable import make_folder
from controller.pki import own
from controller.pki.certificates import MAX_BYTES, Facts, facts_of, shown
from controller.pki.trust import Entry, Standing, TrustList

commands = typer.Typer(no_args_is_help=True, help="Certificates of PLCs: whom we talk to.")

Fingerprint = Annotated[
    str, typer.Argument(help="SHA-256 of the certificate, or its first 8 hex digits or more.")
]
OfStation = Annotated[str, typer.Option("--station", help="Only of this station.")]


@commands.command("list")
def list_(run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """List our own certificate and those of PLCs, trusted or refused."""
    entries = told(lambda: _list(run).entries())
    ours = told(lambda: _ours(run))
    if json:
        print_json({"own": ours and _plain(ours), "plcs": [_row(e) for e in entries]})
        return
    if ours is not None:
        text = f"ours: {shown(ours.fingerprint)}, good until {ours.not_after:%Y-%m-%d}"
        screen.print(text, markup=False, highlight=False, soft_wrap=True)
    if not entries:
        screen.print("No certificate of a PLC yet: one is kept when a PLC first shows it.")
        return
    table = Table("station", "standing", "good until", "fingerprint")
    for e in entries:
        until = f"{e.facts.not_after:%Y-%m-%d}" + _ended(e.facts)
        table.add_row(e.station, e.standing.value, until, shown(e.facts.fingerprint))
    screen.print(table, soft_wrap=True)


@commands.command()
def show(
    fingerprint: Fingerprint,
    run: RunFolder = Path("run"),
    station: OfStation = "",
    json: AsJson = False,
) -> None:
    """Show what one certificate says."""
    entry = told(lambda: _list(run).find(fingerprint, station))
    if json:
        print_json(_row(entry))
        return
    _print(entry)


@commands.command()
def accept(fingerprint: Fingerprint, run: RunFolder = Path("run"), station: OfStation = "") -> None:
    """Trust a certificate that was refused, for its station. Compare it with the PLC first."""
    trust = _list(run)
    entry = told(lambda: trust.find(fingerprint, station))
    told(lambda: trust.accept(entry))
    _print(Entry(entry.station, Standing.TRUSTED, entry.facts, entry.path))
    screen.print("Trusted from the next connection on, which is tried within seconds.")
    if _ended(entry.facts):
        errors.print("It is refused all the same: it has expired.", style="red")


@commands.command()
def reject(fingerprint: Fingerprint, run: RunFolder = Path("run"), station: OfStation = "") -> None:
    """Trust a certificate no longer. A connection that is open stays until it ends."""
    trust = _list(run)
    entry = told(lambda: trust.find(fingerprint, station))
    told(lambda: trust.reject(entry))
    _print(Entry(entry.station, Standing.REJECTED, entry.facts, entry.path))
    screen.print("Refused from the next connection on; restart the controller to cut an open one.")


@commands.command()
def add(
    station: Annotated[str, typer.Argument(help="Name of the station in line.toml.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="DER or PEM.")],
    run: RunFolder = Path("run"),
) -> None:
    """Trust the certificate in a file, exported from the PLC, before the first connection."""
    told(lambda: _add(station, file, run))
    screen.print(f"Trusted for {station}.")


def _add(station: str, file: Path, run: Path) -> None:
    if not station.isidentifier() or not station.isascii():
        raise DrylineError(f"{station!r} is no name of a station")
    with file.open("rb") as stream:
        facts = facts_of(stream.read(MAX_BYTES + 1), str(file))
    if facts.weak:
        raise DrylineError(f"{file}: {facts.weak}")
    make_folder(run)
    if not _list(run).add(station, facts.der):
        raise DrylineError(
            "a person has rejected it before: "
            f"dryline trust accept {shown(facts.fingerprint)} --station {station}"
        )


def _list(run: Path) -> TrustList:
    return TrustList(run / PKI)


def _ours(run: Path) -> Facts | None:
    path = own.own_path(run / PKI).with_suffix(".der")
    return facts_of(path.read_bytes(), str(path)) if path.exists() else None


def _ended(facts: Facts) -> str:
    return " EXPIRED" if facts.days_left(WallClock().utc_ns() / 1e9) < 0 else ""


def _print(entry: Entry) -> None:
    for key, value in _row(entry).items():
        text = ", ".join(value) if isinstance(value, list) else value
        screen.print(f"{key:12} {text}", markup=False, highlight=False, soft_wrap=True)


def _row(entry: Entry) -> dict[str, object]:
    return {"station": entry.station, "standing": entry.standing.value, **_plain(entry.facts)}


def _plain(facts: Facts) -> dict[str, object]:
    return {
        "fingerprint": shown(facts.fingerprint),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "application": list(facts.application_uris),
        "hosts": list(facts.hosts),
        "good from": f"{facts.not_before:%Y-%m-%d %H:%M} UTC",
        "good until": f"{facts.not_after:%Y-%m-%d %H:%M} UTC" + _ended(facts),
        "weak": facts.weak or "no",
    }


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="trust")
