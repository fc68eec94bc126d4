"""[sinks.NAME] of kind sparkplug: where the broker is, who we are to it, and under which names."""

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

LOOPBACK = ("localhost", "127.0.0.1", "::1")
RESERVED = "+/#"  # characters that mean something in a topic
LIBRARY = "aiomqtt"
NEEDS_LIBRARY = (
    "the library for MQTT is not installed: install the extra with pip install 'dryline[mqtt]'"
)


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text on one line, without spaces around it")
    return value


def _host(value: str) -> str:
    if not value or "/" in value or "@" in value or " " in value or value.count(":") == 1:
        raise ValueError("must be a host name or an address alone, as broker.works.example")
    return _printable(value)


def _part_of_topic(value: str) -> str:
    if any(char in value for char in RESERVED):
        raise ValueError("must not hold +, / or #, which mean something in a topic")
    return _printable(value)


_Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
_Topic = Annotated[str, Field(max_length=60), AfterValidator(_part_of_topic)]


class Settings(BaseModel):
    """A broker of MQTT 3.1.1 to which Sparkplug B is published.

    The password is never written here: it comes from an environment variable or from a file.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["sparkplug"]
    host: Annotated[str, Field(max_length=200), AfterValidator(_host)] = Field(
        description="broker: name or address"
    )
    port: int = Field(default=0, ge=0, le=65535, description="0: 8883 with tls, 1883 without")
    group: _Topic = Field(min_length=1, description="group id, the same for machines of one works")
    node: _Topic = Field(default="", description="edge node id; empty: the name of the line")
    tls: bool = False
    ca_file: _Text = Field(
        default="", description="certificates to trust instead of the system's, relative to here"
    )
    cert_file: _Text = Field(default="", description="own certificate, with its key or key_file")
    key_file: _Text = Field(default="", description="key of the own certificate")
    user: _Text = ""
    password_env: str = Field(
        default="",
        max_length=100,
        pattern=r"^([A-Z_][A-Z0-9_]*)?$",
        description="environment variable that holds the password",
    )
    password_file: _Text = Field(
        default="", description="file that holds the password, relative to this file"
    )
    qos: Literal[0, 1] = Field(
        default=1, description="1: every message confirmed; 0: as the specification has it"
    )
    echo: bool = Field(
        default=True, description="the birth must come back before anything counts as sent"
    )
    primary_host: _Topic = Field(
        default="", description="host id: send only while this host says that it is online"
    )
    keepalive_s: int = Field(default=15, ge=5, le=600, description="seconds")
    timeout_s: float = Field(default=10.0, ge=0.5, le=120, description="seconds")
    batch_points: int = Field(default=2000, ge=100, le=50_000, description="points at once")
    backfill_points_per_s: int = Field(
        default=5000, ge=100, le=1_000_000, description="limit after an outage"
    )

    @property
    def broker_port(self) -> int:
        """The port to connect to."""
        return self.port or (8883 if self.tls else 1883)

    @property
    def caution(self) -> str:
        """What is not wise about these settings; "" when nothing is."""
        if find_spec(LIBRARY) is None:
            return NEEDS_LIBRARY
        if self.user and not self.tls and self.host not in LOOPBACK:
            return "the password goes to another machine unencrypted: use tls"
        return ""

    @model_validator(mode="after")
    def _one_password(self) -> "Settings":
        if self.password_env and self.password_file:
            raise ValueError("password_env and password_file: give one of them")
        if (self.password_env or self.password_file) and not self.user:
            raise ValueError("user: missing beside its password")
        if self.key_file and not self.cert_file:
            raise ValueError("cert_file: missing beside key_file")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("ca_file and cert_file need tls = true")
        return self
