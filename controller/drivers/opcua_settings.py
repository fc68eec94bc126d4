"""What can be set for the OPC UA driver, and what is fixed.

`Settings` are the keys of `[stations.NAME.driver]` for protocol "opcua".
"""

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlparse

from pydantic import BaseModel, ConfigDict, Field, model_validator

SLICE: Final = 200  # nodes a Read call: more gains nothing and holds the event loop
PUBLISHES: Final = 2  # outstanding requests: one is on its way while the other is answered
PUBLISHING_MS: Final = 100.0
KEEP_ALIVE: Final = 20  # publishing intervals without news after which the server says so
LIFETIME: Final = 100  # publishing intervals without our Publish after which it gives up
QUEUE: Final = 10  # samples a point may have waiting in the server
SESSION_MS: Final = 15_000  # an abandoned session frees the server after this
RENEW_S: Final = 2_400.0  # of a secure channel that lives one hour
GRACE_S: Final = 0.5  # for a heartbeat seen by reading to arrive by subscription too
CLOSE_S: Final = 0.3


class Security(StrEnum):
    """Policy of the secure channel; always sign and encrypt, except NONE."""

    NONE = "none"
    BASIC256SHA256 = "Basic256Sha256"
    AES128 = "Aes128_Sha256_RsaOaep"
    AES256 = "Aes256_Sha256_RsaPss"


class Settings(BaseModel):
    """Where the device is, how patient to be with it and how the channel is secured.

    timeout_s: deadline of one call; connect_s: of the whole connection. stale_s: a heartbeat not
    delivered for so long makes the driver look itself. max_skew_s: how far its clock may be
    off before samples carry our time instead, plant seconds.
    server_certificate pins the device: asyncua would fetch an unknown one and trust it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    protocol: Literal["opcua"] = "opcua"
    endpoint: str
    namespace: str = Field(min_length=1)
    timeout_s: float = Field(default=0.5, ge=0.05, le=10)
    connect_s: float = Field(default=5.0, ge=0.5, le=60)
    stale_s: float = Field(default=2.0, ge=0.5, le=60)
    max_skew_s: float = Field(default=10.0, gt=0)
    security: Security = Field(default=Security.NONE, strict=False)
    insecure: bool = False
    application_uri: str = "urn:dryline:controller"
    certificate: Path | None = Field(default=None, strict=False)
    private_key: Path | None = Field(default=None, strict=False)
    server_certificate: Path | None = Field(default=None, strict=False)
    user: str | None = None
    password_file: Path | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        url = urlparse(self.endpoint)
        if url.scheme != "opc.tcp" or not url.hostname or url.port is None:
            raise ValueError(f"endpoint = {self.endpoint!r}: must be opc.tcp://HOST:PORT/PATH")
        files = ("certificate", "private_key", "server_certificate")
        missing = [name for name in files if getattr(self, name) is None]
        if self.security is not Security.NONE and missing:
            raise ValueError(f"security = {self.security.value!r} needs {', '.join(missing)}")
        if self.security is Security.NONE and not self.insecure and not _is_loopback(url.hostname):
            raise ValueError(
                f'security = "none" with {url.hostname}: anybody on the network can read and write '
                "the device; name a policy, or accept it with insecure = true"
            )
        if (self.user is None) is not (self.password_file is None):
            raise ValueError("user and password_file go together")
        if self.user is not None and self.security is Security.NONE:
            raise ValueError("user needs a security policy: the password would go in the clear")
        return self

    def password(self) -> str | None:
        """First line of the password file, read when it is needed and kept nowhere."""
        if self.password_file is None:
            return None
        return self.password_file.read_text(encoding="utf-8").partition("\n")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
