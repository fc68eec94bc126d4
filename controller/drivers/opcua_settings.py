"""What can be set for the OPC UA driver, and what is fixed.

`Settings` are the keys of `[stations.NAME.driver]` for protocol "opcua".
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlparse

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from controller.core.errors import DrylineError
from controller.pki.files import read_secret
from controller.pki.own import URI

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
PKI: Final = "pki"  # folder in the run folder


class Security(StrEnum):
    """Policy of the secure channel, always with SignAndEncrypt; INSECURE is none at all."""

    AES256 = "Aes256Sha256RsaPss"
    BASIC256SHA256 = "Basic256Sha256"
    INSECURE = "insecure"


class Settings(BaseModel):
    """Where the device is, how patient to be with it and how the channel is secured.

    timeout_s: deadline of one call; connect_s: of the whole connection. stale_s: a heartbeat not
    delivered for so long makes the driver look itself. max_skew_s: how far its clock may be
    off before samples carry our time instead, plant seconds.

    The device's certificate is the one in `server_certificate`, or one that was accepted with
    `dryline trust`; host and application are compared, the host unless check_host is false. Ours is
    made at the first start, or is that of certificate and private_key. The password is in a file or
    in an environment variable, never here. Relative paths are those of the run folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    protocol: Literal["opcua"] = "opcua"
    endpoint: str
    namespace: str = Field(min_length=1)
    timeout_s: float = Field(default=0.5, ge=0.05, le=10)
    connect_s: float = Field(default=5.0, ge=0.5, le=60)
    stale_s: float = Field(default=2.0, ge=0.5, le=60)
    max_skew_s: float = Field(default=10.0, gt=0)
    security: Security = Field(default=Security.AES256, strict=False)
    application_uri: str = Field(default=URI, min_length=1)
    certificate: Path | None = Field(default=None, strict=False)
    private_key: Path | None = Field(default=None, strict=False)
    server_certificate: Path | None = Field(default=None, strict=False)
    check_host: bool = True
    user: str | None = Field(default=None, min_length=1)
    password_file: Path | None = Field(default=None, strict=False)
    password_env: str | None = Field(default=None, min_length=1)
    _run: Path = PrivateAttr(default=Path())

    @property
    def insecure(self) -> bool:
        """True when anybody on the way can read and write the device."""
        return self.security is Security.INSECURE

    @property
    def needs_certificate(self) -> bool:
        """True when the one made at the first start is used."""
        return not self.insecure and self.certificate is None

    @property
    def host(self) -> str:
        """Host of the endpoint."""
        return urlparse(self.endpoint).hostname or ""

    @property
    def pki(self) -> Path:
        """Folder of our key and of the trusted certificates."""
        return self._run / PKI

    @model_validator(mode="after")
    def _complete(self) -> Self:
        url = urlparse(self.endpoint)
        if url.scheme != "opc.tcp" or not url.hostname or url.port is None:
            raise ValueError(f"endpoint = {self.endpoint!r}: must be opc.tcp://HOST:PORT/PATH")
        if url.username is not None or url.password is not None:
            raise ValueError("endpoint holds a user or a password: use user and password_file")
        if (self.certificate is None) is not (self.private_key is None):
            raise ValueError("certificate and private_key go together")
        given = [name for name in ("password_file", "password_env") if getattr(self, name)]
        if (self.user is None) is bool(given) or len(given) > 1:
            raise ValueError("user needs one of password_file and password_env, and they need user")
        if self.insecure:
            keys = ("user", "certificate", "server_certificate")
            if wrong := [name for name in keys if getattr(self, name) is not None]:
                raise ValueError(
                    f'{", ".join(wrong)} with security = "insecure": it would go in the clear; '
                    "name a policy"
                )
        return self

    def within(self, run: Path) -> Self:
        """The same settings in a run folder, which relative paths are then of."""
        names = ("certificate", "private_key", "server_certificate", "password_file")
        found = {name: run / path for name in names if (path := getattr(self, name)) is not None}
        settings = self.model_copy(update=found)
        settings._run = run  # noqa: SLF001 - of the same class
        return settings

    def password(self) -> str | None:
        """Read when it is needed and kept nowhere; DrylineError when there is none."""
        if self.password_env is not None:
            found = os.environ.get(self.password_env)
            if not found:
                raise DrylineError(f"environment variable {self.password_env} is not set")
            return found
        if self.password_file is None:
            return None
        return read_secret(self.password_file).decode().partition("\n")[0]
