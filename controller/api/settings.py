"""[api] of line.toml: where the API listens, under which names, and what it asks of people."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from controller.access.roles import Role
from controller.access.settings import AccessSettings
from controller.metrics.settings import OFF, Address, parse_address

PORT = 8040
LISTEN = f"127.0.0.1:{PORT}"
MOST_NAMES = 50
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _address_or_off(value: str) -> str:
    if value != OFF:
        try:
            parse_address(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {OFF}") from None
    return value


def _plain(value: str) -> str:
    if not value.isascii() or not value.isprintable() or set(value) & set(" /,;\"'"):
        raise ValueError("must be one name or address, without spaces and slashes")
    return value


def _origin(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise ValueError("must be scheme, name and port, as https://localhost:8443")
    _plain(rest)
    return value


_Listen = Annotated[str, Field(max_length=60), AfterValidator(_address_or_off)]
_Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
_Origin = Annotated[str, Field(max_length=260), AfterValidator(_origin)]
_Path = Annotated[str, Field(min_length=1, max_length=400)]


class ApiSettings(BaseModel):
    """[api]: without this section only this machine reaches the API."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    listen: _Listen = Field(default=LISTEN, description=f"as {LISTEN}, or {OFF}")
    tls: bool = Field(default=False, description="encrypted; a certificate is made when none is")
    certificate: _Path | None = Field(default=None, description="file (PEM) of your own")
    key: _Path | None = Field(default=None, description="file (PEM) of its key")
    hosts: list[_Name] = Field(
        default=[], max_length=MOST_NAMES, description="names under which browsers may call it"
    )
    origins: list[_Origin] = Field(
        default=[], max_length=MOST_NAMES, description="other pages that may use it"
    )
    proxies: list[_Name] = Field(
        default=[], max_length=MOST_NAMES, description="addresses of proxies in front of it"
    )
    consoles: list[_Name] = Field(
        default=[], max_length=MOST_NAMES, description="addresses of control room panels"
    )
    screens: _Path | None = Field(
        default=None, description=f"folder of screens of your own, or {OFF} for none"
    )
    second_factor_for: list[Annotated[Role, Field(strict=False)]] = Field(
        default=[], description="roles that may only look until they have one"
    )

    @model_validator(mode="after")
    def _both_files(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key: give both, or none")
        if self.certificate is not None and not self.tls:
            raise ValueError("certificate and key are of no use without tls = true")
        return self

    @property
    def address(self) -> Address | None:
        """Where it listens; None for the socket in the run folder alone."""
        return None if self.listen == OFF else parse_address(self.listen)

    @property
    def home(self) -> str:
        """What a person types into a browser of this machine; "" where nothing listens."""
        own = self.address
        if own is None:
            return ""
        host = "localhost" if own.host in ("0.0.0.0", "::") else str(own).rpartition(":")[0]  # noqa: S104
        return f"{'https' if self.tls else 'http'}://{host}:{own.port}/"

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name of it, that of the address first; what a certificate is made for."""
        own = self.address
        first = (f"[{own.host}]" if ":" in own.host else own.host,) if own else ()
        some = first if own and own.host not in ("0.0.0.0", "::") else ()  # noqa: S104 - compared
        return tuple(dict.fromkeys([*self.hosts, *some, *sorted(LOCAL_NAMES)]))

    def access(self, line: str, port: int) -> AccessSettings:
        """What the door and the guard are told. port: that it really listens at."""
        scheme = "https" if self.tls else "http"
        own = {f"{scheme}://{name}:{port}" for name in self.names}
        if port == (443 if self.tls else 80):
            own |= {f"{scheme}://{name}" for name in self.names}
        return AccessSettings(
            line=line,
            consoles=frozenset(self.consoles),
            second_factor_for=frozenset(self.second_factor_for),
            hosts=frozenset(self.names),
            origins=frozenset(self.origins) | own,
        )
