"""Station kinds and drivers as the configuration sees them, without a protocol library."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from controller.line_file import Modules


class _Settings(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class OpcuaSettings(_Settings):
    endpoint: str = Field(pattern=r"^opc\.tcp://\S+$", description="URL of the server")
    namespace: str = Field(min_length=1)
    timeout_s: float = Field(default=0.5, ge=0.05, le=5.0)
    security: Literal["insecure", "sign", "sign-and-encrypt"]


class ModbusSettings(_Settings):
    protocol: Literal["modbus"]
    prefix: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(default=502, ge=1, le=65535)
    unit_id: int = Field(default=1, ge=0, le=255)
    timeout_s: float = Field(default=0.3, ge=0.05, le=5.0)
    holding_ranges: tuple[tuple[int, int], ...] = Field(default=((0, 79), (200, 229)))
    discrete_ranges: tuple[tuple[int, int], ...] = Field(default=((0, 63),))


class MemorySettings(_Settings):
    pass


_SETTINGS: dict[str, type[BaseModel]] = {
    "memory": MemorySettings,
    "modbus": ModbusSettings,
    "opcua": OpcuaSettings,
}

STAND_INS = Modules(
    kinds=("calender", "coater", "enclosure"),
    protocols=tuple(_SETTINGS),
    settings_of=_SETTINGS.__getitem__,
)
