"""Whether a PLC is who it should be: its certificate against what a person has accepted. Pure."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from controller.core.errors import NotTrusted
from controller.pki.certificates import Facts, shown


def judge(
    station: str,
    facts: Facts,
    accepted: Collection[str],
    *,
    utc_s: float,
    host: str = "",
    uri: str | None = None,
) -> None:
    """NotTrusted unless the certificate may be talked to; the text says what to do.

    accepted: fingerprints for this station. host: as in the endpoint, "" where it is not to be
    compared. uri: what the server calls itself, None where it is not to be compared.
    """
    fingerprint = shown(facts.fingerprint)
    if facts.fingerprint not in accepted:
        what = "shows another certificate than the accepted one" if accepted else "is not known yet"
        raise NotTrusted(
            f"the PLC of {station} {what}: fingerprint {fingerprint}. Compare it with the one that "
            f"the PLC itself shows; if they are equal: dryline trust accept {fingerprint}",
            facts.fingerprint,
        )
    for problem in _problems(facts, utc_s, host, uri):
        raise NotTrusted(
            f"the certificate of the PLC of {station}, fingerprint {fingerprint}, {problem}",
            facts.fingerprint,
        )


def _problems(facts: Facts, utc_s: float, host: str, uri: str | None) -> list[str]:
    now = datetime.fromtimestamp(utc_s, UTC)
    found = []
    if now > facts.not_after:
        found.append(f"expired on {facts.not_after:%Y-%m-%d %H:%M} UTC: give the PLC a new one")
    if now < facts.not_before:
        begins = f"{facts.not_before:%Y-%m-%d %H:%M}"
        found.append(f"is valid only from {begins} UTC on: check the clocks")
    if facts.weak:
        found.append(f"is too weak: {facts.weak}")
    if uri is not None and uri not in facts.application_uris:
        said = ", ".join(facts.application_uris) or "none"
        found.append(f"is that of application {said}, but the server calls itself {_clean(uri)}")
    if host and host.lower() not in {name.lower() for name in facts.hosts}:
        names = ", ".join(facts.hosts) or "no host"
        found.append(
            f"is made for {names}, not for {host}: make one for this name, "
            "or set check_host = false for this station"
        )
    return found


def offers(station: str, wanted: str, offered: Mapping[str, int]) -> None:
    """NotTrusted when a server does not offer what is wanted: nothing lesser is ever taken."""
    if wanted not in offered:
        what = ", ".join(sorted(offered)) or "nothing"
        raise NotTrusted(
            f"the server at the endpoint of {station} offers {_clean(what)}, not {wanted} with "
            "encryption: refused, nothing lesser is taken",
            "",
        )


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
