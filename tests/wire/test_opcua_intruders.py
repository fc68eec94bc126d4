"""Who has no business there tries to get into the shipped simulator's servers: nobody gets in."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties

from tests.support.certificates import PASSWORD, URI, USER, Pair, SecurePlc, pair
from tests.support.node_peer import FOLDER, node
from tests.support.opcua_peers import NAMESPACE, PREFIX

OURS = "urn:dryline:controller"
AES = security_policies.SecurityPolicyAes256Sha256RsaPss
BASIC = security_policies.SecurityPolicyBasic256Sha256
SIGN = ua.MessageSecurityMode.Sign
REFUSED = (ua.UaError, OSError, asyncio.CancelledError)
Attack = Callable[["Ground"], Awaitable[None]]
pytestmark = pytest.mark.timeout(360)  # the first run installs the peer


@dataclass
class Ground:
    """A secured PLC, one client that it lets in, and what an intruder could have got hold of."""

    plc: SecurePlc
    folder: Path
    friend: Pair
    stranger: Pair
    expired: Pair
    server: Pair

    def client(self) -> Client:
        client = Client(self.plc.endpoint, timeout=3)
        client.application_uri = OURS
        return client

    async def secured(
        self,
        who: Pair,
        user: str = USER,
        password: str = PASSWORD,
        *,
        policy: type = AES,
        mode: ua.MessageSecurityMode = ua.MessageSecurityMode.SignAndEncrypt,
        key: Pair | None = None,
    ) -> Client:
        client = self.client()
        if user:
            client.set_user(user)
            client.set_password(password)
        await client.set_security(
            policy,
            CertProperties(who.der, "der"),
            CertProperties((key or who).bundle, "pem"),
            server_certificate=CertProperties(self.server.der, "der"),
            mode=mode,
        )
        return client


@pytest.fixture(scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    server = pair(folder, "plc")
    plc = SecurePlc(folder, server.bundle)
    friend, stranger = pair(folder, "friend", OURS), pair(folder, "stranger", OURS)
    expired = pair(folder, "expired", OURS, days=(-9.0, -1.0))
    plc.let_in(friend)
    plc.let_in(expired)
    await plc.start()
    yield Ground(plc, folder, friend, stranger, expired, server)
    await plc.stop()


async def rob(client: Client) -> None:
    """Read and write over whatever session the client believes to have."""
    protocol = client.uaclient
    index = 2
    read = ua.ReadParameters()
    read.NodesToRead = [ua.ReadValueId(ua.NodeId(f"{PREFIX}.SP", index), ua.AttributeIds.Value)]
    answer = await protocol.read(read)
    answer[0].StatusCode.check()


async def log_in(client: Client) -> None:
    """Step by step, so that no task of the library goes on behind our back."""
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        await client.activate_session(username=client._username, password=client._password)
        await rob(client)
    finally:
        client.disconnect_socket()


async def bare_login(client: Client, user: str, mentioned: bytes | None) -> None:
    """As `log_in`, without the checks of the client: an intruder's would have none.

    mentioned: the certificate that CreateSession names.
    """
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        request = ua.CreateSessionParameters()
        request.ClientDescription.ApplicationUri = OURS
        request.ClientDescription.ApplicationType = ua.ApplicationType.Client
        request.EndpointUrl = client.server_url.geturl()
        request.ClientNonce, request.ClientCertificate = bytes(32), mentioned
        request.RequestedSessionTimeout = 10_000
        made = await client.uaclient.create_session(request)
        policy = client.security_policy
        login = ua.ActivateSessionParameters()
        login.ClientSignature.Algorithm = policy.AsymmetricSignatureURI
        challenge = (made.ServerCertificate or b"") + made.ServerNonce
        login.ClientSignature.Signature = policy.asymmetric_cryptography.signature(challenge)
        login.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId="anonymous")
        if user:
            login.UserIdentityToken = ua.UserNameIdentityToken(
                PolicyId="username", UserName=user, Password=PASSWORD.encode()
            )
        await client.uaclient.activate_session(login)
        await rob(client)
    finally:
        client.disconnect_socket()


async def anonymous_in_the_clear(g: Ground) -> None:
    await bare_login(g.client(), "", None)


async def password_in_the_clear(g: Ground) -> None:
    await bare_login(g.client(), USER, None)


async def no_session_at_all(g: Ground) -> None:
    client = g.client()
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        await rob(client)
    finally:
        client.disconnect_socket()


async def trusted_certificate_mentioned_in_the_clear(g: Ground) -> None:
    """CreateSession names a certificate that the channel was never opened with."""
    await bare_login(g.client(), USER, g.friend.der)


async def untrusted_certificate(g: Ground) -> None:
    await bare_login(await g.secured(g.stranger), USER, g.stranger.der)


async def untrusted_channel_with_a_trusted_certificate_mentioned(g: Ground) -> None:
    await bare_login(await g.secured(g.stranger), USER, g.friend.der)


async def trusted_certificate_without_its_key(g: Ground) -> None:
    await log_in(await g.secured(g.friend, key=g.stranger))


async def expired_certificate(g: Ground) -> None:
    await log_in(await g.secured(g.expired))


async def certificate_of_the_plc_itself(g: Ground) -> None:
    await log_in(await g.secured(g.server))


async def signed_but_not_encrypted(g: Ground) -> None:
    await log_in(await g.secured(g.friend, mode=SIGN))


async def a_lesser_policy(g: Ground) -> None:
    await log_in(await g.secured(g.friend, policy=BASIC))


async def anonymous_with_the_right_certificate(g: Ground) -> None:
    await log_in(await g.secured(g.friend, user=""))


async def wrong_password(g: Ground) -> None:
    await log_in(await g.secured(g.friend, password=PASSWORD[:-1]))


async def no_password(g: Ground) -> None:
    await log_in(await g.secured(g.friend, password=""))


async def unknown_user(g: Ground) -> None:
    await log_in(await g.secured(g.friend, user="admin"))


async def session_not_activated(g: Ground) -> None:
    client = await g.secured(g.friend)
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        await rob(client)
    finally:
        client.disconnect_socket()


async def _take_over(g: Ground, thief: Client, token: ua.NodeId) -> None:
    """Name somebody else's session; asyncua hands it over before it judges the login."""
    try:
        await thief.connect_socket()
        await thief.send_hello()
        await thief.open_secure_channel()
        thief.uaclient.protocol.authentication_token = token
        try:
            await thief.activate_session(username=USER, password="wrong")  # noqa: S106
        except ua.UaError:
            await rob(thief)
            return
        await rob(thief)
    finally:
        thief.disconnect_socket()


async def _robbed(g: Ground, thief: Client) -> None:
    victim = await g.secured(g.friend)
    await victim.connect_socket()
    try:
        await victim.send_hello()
        await victim.open_secure_channel()
        await victim.create_session()
        await victim.activate_session(username=USER, password=PASSWORD)
        (token,) = list(g.plc.server._internal._external_sessions)[-1:]
        await _take_over(g, thief, token)
    finally:
        victim.disconnect_socket()


async def stolen_session_in_the_clear(g: Ground) -> None:
    await _robbed(g, g.client())


async def stolen_session_over_another_channel(g: Ground) -> None:
    await _robbed(g, await g.secured(g.friend))


async def registering_as_a_server(g: Ground) -> None:
    client = await g.secured(g.friend)
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        description = ua.RegisteredServer()
        description.ServerUri = "urn:intruder"
        description.DiscoveryUrls = ["opc.tcp://10.0.0.1:4840"]
        await client.uaclient.register_server(description)
    finally:
        client.disconnect_socket()


ATTACKS: tuple[Attack, ...] = (
    anonymous_in_the_clear,
    password_in_the_clear,
    no_session_at_all,
    trusted_certificate_mentioned_in_the_clear,
    untrusted_certificate,
    untrusted_channel_with_a_trusted_certificate_mentioned,
    trusted_certificate_without_its_key,
    expired_certificate,
    certificate_of_the_plc_itself,
    signed_but_not_encrypted,
    a_lesser_policy,
    anonymous_with_the_right_certificate,
    wrong_password,
    no_password,
    unknown_user,
    session_not_activated,
    stolen_session_in_the_clear,
    stolen_session_over_another_channel,
    registering_as_a_server,
)


async def test_the_friend_gets_in(ground: Ground) -> None:
    await log_in(await ground.secured(ground.friend))
    await bare_login(await ground.secured(ground.friend), USER, ground.friend.der)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.__name__)
async def test_nobody_else_does(ground: Ground, attack: Attack) -> None:
    with pytest.raises(REFUSED):
        await attack(ground)
    await log_in(await ground.secured(ground.friend))  # and who belongs there is not locked out


async def test_tokens_of_sessions_cannot_be_guessed(ground: Ground) -> None:
    tokens = set()
    for _ in range(5):
        client = await ground.secured(ground.friend)
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        token = client.uaclient.protocol.authentication_token
        assert token.NodeIdType == ua.NodeIdType.ByteString
        assert len(token.Identifier) == 32
        tokens.add(bytes(token.Identifier))
        client.disconnect_socket()
    assert len(tokens) == 5


async def test_a_foreign_client_gets_in_only_as_the_friend(ground: Ground, tmp_path: Path) -> None:
    """node-opcua, which shares no line of code with the server."""
    for name in ("friend", "stranger", "plc"):
        (tmp_path / f"{name}.pem").write_bytes((ground.folder / f"{name}.pem").read_bytes())
    orders = {
        "endpoint": ground.plc.endpoint, "namespace": NAMESPACE, "node": f"{PREFIX}.SP",
        "folder": str(ground.folder), "uri": OURS, "user": USER, "password": PASSWORD,
        "server": str(ground.folder / "plc.der"), "plcUri": URI,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        node(), str(FOLDER / "intruder.mjs"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(tmp_path), "PATH": str(Path(node()).parent) + ":/usr/bin:/bin"},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(json.dumps(orders).encode()), 120)
    assert process.returncode == 0, err.decode()
    got_in = json.loads(out.splitlines()[-1])
    assert got_in.pop("friend") == "in"
    assert len(got_in) == 6
    assert [name for name, result in got_in.items() if result == "in"] == []
