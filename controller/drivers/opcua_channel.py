"""The secure channel of the OPC UA driver: look at the server, judge it, open channel and session.

The library fetches an unknown certificate unencrypted and trusts it. Here what is fetched so is
only held against what a person has accepted; the channel is then encrypted for exactly that
certificate, so that a server that merely shows it cannot answer. The policy is the configured one
or none: nothing lesser is taken whatever the server offers, and what it offers in the session is
compared with what was offered unencrypted.
"""
# asyncua's hints contradict its own use
# mypy: disable-error-code="arg-type, attr-defined, type-abstract"

from functools import lru_cache
from typing import Final

from asyncua import Client, ua
from asyncua.crypto import security_policies, uacrypto
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)

from controller.clock import WallClock
from controller.core.errors import DrylineError, LinkLost, NotTrusted
from controller.drivers.opcua_settings import SESSION_MS, Security, Settings
from controller.pki.certificates import Facts, InvalidSignature, facts_of
from controller.pki.files import read_secret
from controller.pki.judge import judge, offers
from controller.pki.own import own_path
from controller.pki.trust import TrustList

_FORGED: Final = (InvalidSignature, uacrypto.InvalidSignature)
_POLICIES: Final = {
    Security.AES256: security_policies.SecurityPolicyAes256Sha256RsaPss,
    Security.BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
}
_SIGN_AND_ENCRYPT: Final = ua.MessageSecurityMode.SignAndEncrypt
_MOST_ENDPOINTS: Final = 100


def new_client(settings: Settings) -> Client:
    """A client that has done nothing yet."""
    client = Client(settings.endpoint, timeout=settings.timeout_s)
    client.name, client.application_uri = "Dryline controller", settings.application_uri
    client.session_timeout = SESSION_MS
    return client


async def open_session(client: Client, settings: Settings, station: str) -> None:
    """Connect and log in; NotTrusted when the server is not the accepted one."""
    if settings.insecure:
        await _connect(client)
        await client.create_session()
        await client.activate_session()
        return
    endpoint = await _look(settings, station)
    facts = _accepted(settings, station, endpoint)
    try:
        password = settings.password()
        _secure(client, settings, facts)
    except (DrylineError, ValueError, TypeError, OSError) as error:
        raise LinkLost(f"{station}: our own certificate, key or password: {error}") from error
    await _connect(client)
    try:
        answer = await client.create_session()
    except _FORGED:
        raise NotTrusted(
            f"the PLC of {station} does not have the key of the certificate that it shows",
            facts.fingerprint,
        ) from None
    _compare(station, settings, answer.ServerEndpoints or [])
    await client.activate_session(username=settings.user, password=password)


async def _connect(client: Client) -> None:
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()


async def _look(settings: Settings, station: str) -> ua.EndpointDescription:
    """The endpoint that the server offers for our policy, asked for in the clear: not believed."""
    offered = await new_client(settings).connect_and_get_server_endpoints()
    return _ours(station, settings, offered)


def _ours(
    station: str, settings: Settings, offered: list[ua.EndpointDescription]
) -> ua.EndpointDescription:
    wanted = _POLICIES[settings.security].URI
    names: dict[str, int] = {}
    for endpoint in offered[:_MOST_ENDPOINTS]:
        if endpoint.SecurityMode == _SIGN_AND_ENCRYPT:
            if endpoint.SecurityPolicyUri == wanted:
                return endpoint
            names[str(endpoint.SecurityPolicyUri).rpartition("#")[2]] = 1
        else:
            policy = str(endpoint.SecurityPolicyUri).rpartition("#")[2]
            names[f"{policy} without encryption"] = 1
    offers(station, settings.security.value, names)
    raise AssertionError("offers raises unless the policy is there")


def _accepted(settings: Settings, station: str, endpoint: ua.EndpointDescription) -> Facts:
    """The server's certificate, which is an accepted one."""
    try:
        facts = facts_of(endpoint.ServerCertificate or b"", f"certificate of the PLC of {station}")
    except DrylineError as error:
        raise NotTrusted(str(error), "") from None
    trust = TrustList(settings.pki)
    if settings.server_certificate is not None:
        accepted = {_pinned(settings).fingerprint}
    else:
        accepted = set(trust.trusted(station))
    if facts.fingerprint not in accepted and settings.server_certificate is None:
        trust.note(station, facts.der)
    judge(
        station,
        facts,
        accepted,
        utc_s=WallClock().utc_ns() / 1e9,
        host=settings.host if settings.check_host else "",
        uri=str(endpoint.Server.ApplicationUri),
    )
    return facts


def _pinned(settings: Settings) -> Facts:
    path = settings.server_certificate
    try:
        return facts_of(path.read_bytes() if path else b"", str(path))
    except OSError as error:
        raise LinkLost(f"{path}: cannot be read: {error.strerror}") from error


def _secure(client: Client, settings: Settings, server: Facts) -> None:
    """Prepare the channel: our certificate and key, and the one certificate it is meant for."""
    secret = read_secret(settings.private_key or own_path(settings.pki))
    own = settings.certificate.read_bytes() if settings.certificate else secret
    policy = _POLICIES[settings.security](  # type: ignore[no-untyped-call]
        _certificate(server.der), _certificate(own), _private_key(secret), _SIGN_AND_ENCRYPT
    )
    client.security_policy = policy  # type: ignore[assignment]
    client.uaclient.set_security(policy)


def _certificate(content: bytes) -> x509.Certificate:
    read = x509.load_pem_x509_certificate if _is_pem(content) else x509.load_der_x509_certificate
    return read(content)


@lru_cache(maxsize=16)
def _private_key(secret: bytes) -> RSAPrivateKey:
    """Read once: whether its numbers are primes takes 40 to 150 ms, in which no station is scanned,
    and a PLC that comes and goes would make the controller ask again each time."""
    read = load_pem_private_key if _is_pem(secret) else load_der_private_key
    key = read(secret, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the key must be an RSA key")
    return key


def _is_pem(content: bytes) -> bool:
    return b"-----BEGIN " in content


def _compare(station: str, settings: Settings, offered: list[ua.EndpointDescription]) -> None:
    """What is offered inside the channel must hold our endpoint too: else somebody edited it."""
    endpoint = _ours(station, settings, offered)
    if endpoint.ServerCertificate is None:
        raise NotTrusted(f"the PLC of {station} offers our endpoint without a certificate", "")
