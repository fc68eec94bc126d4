"""The security of the simulated PLC's OPC UA server: what asyncua leaves open is closed here.

Configured with a policy, a certificate validator and users, asyncua's server still

- opens an unencrypted channel for discovery on which every service may be called;
- checks the certificate that CreateSession mentions, not the one that opened the channel;
- hands a session to whoever names its token, before the login is judged, and counts the tokens up;
- takes RegisterServer from anybody.

So a client without a key or a password could take over the session of a logged-in one. Here the
certificate is judged when the channel is opened, by equality with a trusted one; an unencrypted
channel knows discovery only; sessions stay with their channel and have unguessable tokens.
"""
# mypy: disable-error-code="arg-type, attr-defined, no-untyped-call, no-untyped-def, override"

import asyncio
import secrets
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import Server as UaServer
from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData, ServiceError
from asyncua.crypto import uacrypto
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyFactory, SecurityPolicyNone
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary
from cryptography import x509
from cryptography.exceptions import InvalidSignature

_CODES: Final = ua.StatusCodes
_IDS: Final = ua.ObjectIds
_CREATE: Final = ua.NodeId(_IDS.CreateSessionRequest_Encoding_DefaultBinary)
_ACTIVATE: Final = ua.NodeId(_IDS.ActivateSessionRequest_Encoding_DefaultBinary)
_DISCOVERY: Final = tuple(
    ua.NodeId(number)
    for number in (
        _IDS.GetEndpointsRequest_Encoding_DefaultBinary,
        _IDS.FindServersRequest_Encoding_DefaultBinary,
        _IDS.CloseSecureChannelRequest_Encoding_DefaultBinary,
    )
)
_NEVER: Final = tuple(
    ua.NodeId(number)
    for number in (
        _IDS.RegisterServerRequest_Encoding_DefaultBinary,
        _IDS.RegisterServer2Request_Encoding_DefaultBinary,
        _IDS.AddNodesRequest_Encoding_DefaultBinary,
        _IDS.DeleteNodesRequest_Encoding_DefaultBinary,
        _IDS.AddReferencesRequest_Encoding_DefaultBinary,
        _IDS.DeleteReferencesRequest_Encoding_DefaultBinary,
        _IDS.TransferSubscriptionsRequest_Encoding_DefaultBinary,
    )
)
_NONSENSE: Final = (
    ua.UaError, ValueError, TypeError, IndexError, OverflowError, struct.error, NotEnoughData,
    InvalidSignature, uacrypto.InvalidSignature,
)  # what asyncua's parsers raise on bytes that mean nothing  # fmt: skip
GUESS_S: Final = 1.0  # a wrong password is answered after this
Trusted = Callable[[], frozenset[bytes]]


class GuardedServer(UaServer):
    """asyncua's server behind the guard. trusted: certificates of clients (DER), None: insecure."""

    def __init__(self, internal: InternalServer, trusted: Trusted | None) -> None:
        super().__init__(iserver=internal)
        self._trusted = trusted

    async def start(self) -> None:
        """Listen, with guarded connections."""
        await self._setup_server_nodes()
        if self._trusted is not None:
            self._policies = [_Guarded(policy, self._trusted) for policy in self._policies]
        await self.iserver.start()
        host, port = self._get_bind_socket_info()
        self.bserver = _Listener(self.iserver, host, port, self.limits)
        self.bserver.secured = self._trusted is not None
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise


class _Guarded(SecurityPolicyFactory):
    """Makes the policy of a channel for trusted certificates only."""

    def __init__(self, policy: SecurityPolicyFactory, trusted: Trusted) -> None:
        super().__init__(
            policy.cls,
            policy.mode,
            policy.certificate,
            policy.private_key,
            policy.permission_ruleset,
            policy.certificate_chain,
        )
        self._trusted = trusted

    def create(self, peer_certificate: bytes | None) -> Any:  # noqa: ANN401
        if peer_certificate not in self._trusted() or not _in_time(peer_certificate):
            raise ua.UaError("a client certificate that is not trusted")
        return super().create(peer_certificate)


def _in_time(der: bytes | None) -> bool:
    certificate = x509.load_der_x509_certificate(der or b"")
    return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


class _Listener(BinaryServer):
    secured = False

    def _make_protocol(self) -> OPCUAProtocol:
        return _Connection(
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
            secured=self.secured,
        )


class _Connection(OPCUAProtocol):
    def __init__(self, *, secured: bool, **parts: Any) -> None:  # noqa: ANN401
        super().__init__(**parts)
        self._secured = secured

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None:  # else there are too many
            self.processor = _Processor(self.iserver, self.transport, self.limits)
            self.processor.secured = self._secured
            self.processor.set_policies(self.policies)

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:  # noqa: ANN401
        """A channel that cannot be opened is closed at once, without a word."""
        try:
            return bool(await super()._process_one_msg(header, buf))
        except _NONSENSE:
            if self.transport is not None:
                self.transport.abort()
            return False


class _Processor(UaProcessor):
    """One connection: what may be asked over which channel."""

    secured = False

    async def _process_message(
        self,
        typeid: ua.NodeId,
        requesthdr: ua.RequestHeader,
        seqhdr: ua.SequenceHeader,
        body: Buffer,
    ) -> bool:
        if typeid in _NEVER:
            raise ServiceError(_CODES.BadServiceUnsupported)
        policy = self._connection.security_policy
        if self.secured and typeid not in _DISCOVERY:
            if isinstance(policy, SecurityPolicyNone) or policy.URI == SecurityPolicyNone.URI:
                raise ServiceError(_CODES.BadSecurityChecksFailed)
            if typeid == _CREATE:
                request = struct_from_binary(ua.CreateSessionParameters, body.copy())
                if request.ClientCertificate != policy.peer_certificate:
                    raise ServiceError(_CODES.BadCertificateInvalid)
        if typeid == _ACTIVATE:
            if self.session is None:
                raise ServiceError(_CODES.BadSessionIdInvalid)
            return await self._activate(requesthdr, seqhdr, body)
        if typeid == _CREATE and self.session is not None:
            raise ServiceError(_CODES.BadTooManySessions)
        return bool(await super()._process_message(typeid, requesthdr, seqhdr, body))

    async def _activate(
        self, requesthdr: ua.RequestHeader, seqhdr: ua.SequenceHeader, body: Buffer
    ) -> bool:
        try:
            return bool(await super()._process_message(_ACTIVATE, requesthdr, seqhdr, body))
        except ServiceError:
            await asyncio.sleep(GUESS_S)
            raise


class GuardedCore(InternalServer):
    """asyncua's core with sessions that nobody can name."""

    def create_session(
        self, name: str, user: User | None = None, external: bool = False
    ) -> InternalSession:
        session: InternalSession = super().create_session(
            name, user or User(role=UserRole.Anonymous), external
        )
        if external:
            self.unregister_external_session(session)
            session.auth_token = ua.NodeId(secrets.token_bytes(32), 0, ua.NodeIdType.ByteString)
            self.register_external_session(session)
        return session
