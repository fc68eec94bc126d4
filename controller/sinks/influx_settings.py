"""[sinks.NAME] of kind influx: where the server is and who we are to it."""

from importlib.util import find_spec
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LIBRARY = "influxdb_client"
NEEDS_LIBRARY = (
    "the library for InfluxDB is not installed: pip install 'dryline[influx]' installs it"
)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the URL of a server, as https://localhost:8086")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must not carry a user, a password or a query: see token_env, token_file")
    return value.rstrip("/")


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text on one line, without spaces around it")
    return value


_Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]


class Settings(BaseModel):
    """A server with the write interface of InfluxDB 2: /api/v2/write.

    The token is never written here: it comes from an environment variable or from a file.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["influx"]
    url: Annotated[str, Field(max_length=400), AfterValidator(_url)] = Field(
        description="http:// or https://, without /api"
    )
    bucket: _Text = Field(min_length=1, description="InfluxDB 1.8: DATABASE/RETENTION_POLICY")
    org: _Text = Field(default="", description="InfluxDB 2 needs it")
    token_env: str = Field(
        default="",
        max_length=100,
        pattern=r"^([A-Z_][A-Z0-9_]*)?$",
        description="environment variable that holds the token",
    )
    token_file: _Text = Field(
        default="", description="file that holds the token, relative to this file"
    )
    ca_file: _Text = Field(
        default="", description="certificates to trust instead of the system's, relative as well"
    )
    gzip: bool = True
    timeout_s: float = Field(default=10.0, ge=0.5, le=120, description="seconds")
    batch_points: int = Field(default=5000, ge=100, le=50_000, description="points in a request")
    backfill_points_per_s: int = Field(
        default=50_000, ge=1000, le=1_000_000, description="limit after an outage"
    )

    @property
    def caution(self) -> str:
        """What is not wise about these settings; "" when nothing is."""
        if find_spec(LIBRARY) is None:
            return NEEDS_LIBRARY
        parts = urlsplit(self.url)
        has_token = self.token_env or self.token_file
        if has_token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            return "the token goes to another machine unencrypted: use https"
        return ""

    @model_validator(mode="after")
    def _one_token(self) -> "Settings":
        if self.token_env and self.token_file:
            raise ValueError("token_env and token_file: give one of them")
        return self
