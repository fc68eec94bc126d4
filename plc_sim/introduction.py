"""How the simulated plant and the controller get to know each other.

With a real PLC a person compares fingerprints and loads certificates. The simulated plant shares a
run folder with the controller it is made for, and both belong to the same user: so it makes what is
missing of both sides' keys and lets each side trust the other, before any PLC listens. It does so
for its own PLCs alone, and never again for a certificate that a person has rejected.
"""

import os
import secrets
import ssl
from pathlib import Path

from pydantic import BaseModel

from controller.config import LineConfig, StationConfig
from controller.core.errors import ConfigError, Problem
from controller.pki import files, own
from controller.pki.certificates import Facts
from controller.pki.trust import TrustList
from controller.whole_file import PUBLIC, SECRET
from plc_sim.servers import opcua_map

PKI = "pki"
PLC = "plc"  # keys of the simulated PLCs, in PKI
CLIENTS = "clients"  # whom they trust, in PLC
INSECURE = "insecure"


def introduce(config: LineConfig, run: Path, utc_s: float) -> list[str]:
    """Make keys and mutual trust of every secured OPC UA station; sentences about what was done."""
    secured = [s for s in config.stations if is_secured(s.settings)]
    inside_tls = [s for s in config.stations if getattr(s.settings, "tls", False)]
    if not secured and not inside_tls:
        return []
    pki = run / PKI
    said = []
    controller = own.ensure(pki, utc_s)
    said.append(controller.news)
    clients = pki / PLC / CLIENTS
    clients.mkdir(parents=True, exist_ok=True)
    _put(clients / f"{own.NAME}.der", controller.facts.der)
    for station in secured:
        uri = opcua_map.application_uri(station.name)
        made = own.ensure(pki, utc_s, uri, station.name, PLC)
        if not TrustList(pki).add(station.name, made.facts.der):
            said.append(f"the certificate of the simulated PLC of {station.name} stays rejected")
        _password_of(station, run)
    for station in inside_tls:
        uri = opcua_map.application_uri(station.name)
        made = own.ensure(pki, utc_s, uri, station.name, PLC)
        _show(station, run, made.facts)
    return [sentence for sentence in said if sentence]


def is_secured(settings: BaseModel) -> bool:
    """True for an OPC UA station with a policy."""
    return str(getattr(settings, "security", INSECURE)) != INSECURE


def security_of(station: StationConfig, run: Path) -> opcua_map.Security | None:
    """What the server of a station needs; None where line.toml says insecure."""
    settings = station.settings.model_dump()
    if not is_secured(station.settings):
        return None
    pki = run / PKI
    trusted = pki / PLC / CLIENTS
    if settings["certificate"] is not None:  # the site's own, instead of the one made here
        trusted = (run / settings["certificate"]).parent
    return opcua_map.Security(
        policy=str(settings["security"]),
        bundle=pki / PLC / f"{station.name}.pem",
        trusted=trusted,
        users={settings["user"]: _password_of(station, run)} if settings["user"] else {},
    )


def tls_of(station: StationConfig, run: Path) -> ssl.SSLContext | None:
    """What the Modbus server of a station needs; None where line.toml does not ask for TLS."""
    if not getattr(station.settings, "tls", False):
        return None
    pki = run / PKI / PLC
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki / f"{station.name}.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    for client in (pki / CLIENTS).glob("*.der"):
        context.load_verify_locations(cadata=client.read_bytes())
    return context


def _show(station: StationConfig, run: Path, facts: Facts) -> None:
    """Put the PLC's certificate where the controller looks for it, if that is in the run folder."""
    path = run / station.settings.model_dump()["ca_file"]
    if run.resolve() in path.resolve().parents:
        text = ssl.DER_cert_to_PEM_cert(facts.der)
        _put(path, text.encode("ascii"))


def _put(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        files.write(path, content, PUBLIC)


def _password_of(station: StationConfig, run: Path) -> str:
    """The password of the station's user; drawn and written when its file is missing."""
    settings = station.settings.model_dump()
    if settings["user"] is None:
        raise _wrong(station, "user", "the simulated PLC asks for a user and a password_file")
    if settings["password_env"] is not None:
        return os.environ.get(settings["password_env"], "") or secrets.token_urlsafe(32)
    path = run / settings["password_file"]
    with files.locked(run / PKI):
        if not path.exists():
            if run.resolve() not in path.resolve().parents:
                message = "is missing and outside the run folder, so the plant does not make it"
                raise _wrong(station, "password_file", message)
            files.write(path, f"{secrets.token_urlsafe(32)}\n".encode(), SECRET)
    return files.read_secret(path).decode().partition("\n")[0]


def _wrong(station: StationConfig, key: str, message: str) -> ConfigError:
    field = f"stations.{station.name}.driver.{key}"
    return ConfigError(
        [Problem(file="line.toml", line=None, field=field, value="", message=message)]
    )
