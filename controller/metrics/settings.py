"""[metrics] of line.toml, and the address at which a controller shows its figures."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

HIGHEST_PORT = 65_000  # parts of a line take ports above the one that is given
OFF = "off"


class Address(NamedTuple):
    """Where a server listens. port: 0 for any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """For a browser."""
        return f"http://{self}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """'127.0.0.1:9464', 'localhost:9464' or '[::1]:9464'; ValueError says what is allowed."""
    found = _parts(text)
    if found is None or found.port > HIGHEST_PORT:
        raise ValueError(
            f"must be ADDRESS:PORT, as 127.0.0.1:9464, with a port up to {HIGHEST_PORT}"
        )
    return found


def _parts(text: str) -> Address | None:
    """Host and port of a text that is nothing else."""
    try:
        parts = urlsplit(f"//{text}")
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        address = Address(str(ipaddress.ip_address(host)), -1 if parts.port is None else parts.port)
    except ValueError:
        return None
    return address if address.port >= 0 and parts.netloc == text and "@" not in text else None


def _address(value: str) -> str:
    parse_address(value)
    return value


class MetricsSettings(BaseModel):
    """[metrics]: without this section nothing is served."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    listen: Annotated[str, AfterValidator(_address)] = Field(
        max_length=60, description="as 127.0.0.1:9464"
    )
    open_to_network: bool = Field(
        default=False, description="other machines may read, without a password or encryption"
    )
    tag_values: bool = Field(default=False, description="show the value of every tag as well")

    @model_validator(mode="after")
    def _said_so(self) -> Self:
        if not parse_address(self.listen).loopback and not self.open_to_network:
            raise ValueError(
                "other machines could read there, without a password or encryption: "
                "say open_to_network = true if that is meant, or listen at 127.0.0.1"
            )
        return self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one controller serves, and where."""

    address: Address
    tag_values: bool = False


def of_part(address: Address, whole: Sequence[str], part: Sequence[str]) -> Address:
    """Where the controller of a part of the line serves, so that no two of them meet.

    That of the first station of the line takes the port above the given one, that of the second
    station the one above it. whole: stations of the line in its order; part: those of the
    controller, none for the whole line.
    """
    if not part or not address.port:
        return address
    return address._replace(port=address.port + 1 + whole.index(part[0]))
