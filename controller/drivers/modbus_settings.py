"""What can be set for the Modbus driver: keys of `[stations.NAME.driver]` for protocol "modbus"."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, Strict, model_validator

from controller.pki.own import URI, own_path

PKI = "pki"  # folder in the run folder

AddressRange = Annotated[tuple[int, int], Strict(False)]  # a file has lists, not tuples


class Settings(BaseModel):
    """Where the device is and what it defines; `prefix` is the station's own.

    holding_ranges, discrete_ranges: first and last address of what the device defines; reads
    never leave them. bridge_gap: how many unwanted addresses one request may span.
    tls: Modbus/TCP Security: the usual frames inside TLS 1.2 or later, with certificates on both
    sides. ca_file: who has signed the device's certificate, or that certificate itself;
    certificate and private_key: ours, default the one made at the first start. The device's
    certificate must be for `host`. Relative paths are those of the run folder.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    protocol: Literal["modbus"] = "modbus"
    prefix: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(default=502, ge=1, le=65535)
    unit_id: int = Field(default=1, ge=0, le=255)
    timeout_s: float = Field(default=0.3, ge=0.05, le=5.0)
    bridge_gap: int = Field(default=16, ge=0, le=119)
    holding_ranges: tuple[AddressRange, ...] = Field(
        default=((0, 39), (40, 79), (80, 119), (200, 229)), strict=False
    )
    discrete_ranges: tuple[AddressRange, ...] = Field(default=((0, 63),), strict=False)
    tls: bool = False
    ca_file: Path | None = Field(default=None, strict=False)
    certificate: Path | None = Field(default=None, strict=False)
    private_key: Path | None = Field(default=None, strict=False)
    _run: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _complete(self) -> Self:
        keys = ("ca_file", "certificate", "private_key")
        given = [key for key in keys if getattr(self, key)]
        if given and not self.tls:
            raise ValueError(f"{', '.join(given)} without tls = true")
        if self.tls and self.ca_file is None:
            raise ValueError("tls needs ca_file: whose certificates of devices are believed")
        if (self.certificate is None) is not (self.private_key is None):
            raise ValueError("certificate and private_key go together")
        return self

    @property
    def needs_certificate(self) -> bool:
        """True when the one made at the first start is used."""
        return self.tls and self.certificate is None

    @property
    def application_uri(self) -> str:
        """Of our own certificate."""
        return URI

    @property
    def pki(self) -> Path:
        """Folder of our key."""
        return self._run / PKI

    @property
    def own_files(self) -> tuple[Path, Path]:
        """Our certificate and its key."""
        made = own_path(self.pki)
        return self.certificate or made, self.private_key or made

    def within(self, run: Path) -> Self:
        """The same settings in a run folder, which relative paths are then of."""
        names = ("ca_file", "certificate", "private_key")
        found = {name: run / path for name in names if (path := getattr(self, name)) is not None}
        settings = self.model_copy(update=found)
        settings._run = run  # noqa: SLF001 - of the same class
        return settings
