"""[energy] of line.toml: what a kilowatt hour costs and emits, as somebody of the plant says."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_ISO_4217 = re.compile(r"[A-Z]{3}")


def _currency(value: str) -> str:
    if not _ISO_4217.fullmatch(value):
        raise ValueError("must be the three capitals of a currency in ISO 4217, as JPY or EUR")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text on one line, without spaces around it")
    return value


class EnergySettings(BaseModel):
    """[energy]: without this section energies are shown without cost and CO2."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    price_per_kwh: float | None = Field(
        default=None, gt=0.0, le=100_000.0, description="price of a kilowatt hour in the currency"
    )
    currency: Annotated[str, AfterValidator(_currency)] | None = Field(
        default=None, description="code of ISO 4217, as JPY"
    )
    co2_g_per_kwh: float | None = Field(
        default=None, ge=0.0, le=5_000.0, description="grams of CO2 emitted for a kilowatt hour"
    )
    basis: Annotated[str, AfterValidator(_one_line)] = Field(
        min_length=1, max_length=400, description="where the numbers come from, shown beside them"
    )

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        if (self.price_per_kwh is None) is not (self.currency is None):
            raise ValueError("price_per_kwh and currency: give both, or none")
        if self.price_per_kwh is None and self.co2_g_per_kwh is None:
            raise ValueError("give price_per_kwh with currency, or co2_g_per_kwh, or both")
        return self
