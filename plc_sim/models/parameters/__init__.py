"""Every assumed number of the simulated plant: value, unit, plausible range, source.

One table for a subject, grouped by section: the line's couplings, the web between the machines and
the day around them (file `line`), the film, shared by coater and calender, and the three stations.
SI units where the unit column does not say otherwise; temperatures in degC, all humidities in degC
as frost points over ice. Constants of nature stand beside the laws that use them, steps and limits
of the arithmetic beside the arithmetic, instruments in `plc_sim.field`.

Mass balance of the reference point: 30 mg/cm2 on a film of 0.110 m at 5 m/min take 9.9 kg/h,
which is the reference powder feed of 10 kg/h. A film as wide as the rolls (0.3 m) would take
27 kg/h, more than the feeder's 20 kg/h. So the film is 0.110 m wide on a foil of 0.150 m between
roll faces of 0.3 m; line loads act on the film's width, and tensions are forces on this film and
this foil.
"""

from collections.abc import Mapping
from types import MappingProxyType

from plc_sim.models.parameter import Parameter, values
from plc_sim.models.parameters.calender import CALENDER_HEAT, COMPACTION, DRIVE, MILL
from plc_sim.models.parameters.coater import BINDER, COATER_HEAT, FEEDER, FORMING, MIXER, NIPS, WEB
from plc_sim.models.parameters.enclosure import (
    AIR_HANDLING,
    DRY_ROOM,
    ENCLOSURE,
    GREY_ROOM,
    PASS_BOX,
    ROOM,
    ROTOR,
    SULFIDE,
)
from plc_sim.models.parameters.film import FILM, RESISTANCE
from plc_sim.models.parameters.line import BUFFER, COUPLING, DAY

SECTIONS: Mapping[str, Mapping[str, tuple[Parameter, ...]]] = MappingProxyType(
    {
        "line": {"coupling": COUPLING},
        "web": {"buffer": BUFFER},
        "day": {"surroundings": DAY},
        "film": {"film": FILM, "resistance": RESISTANCE},
        "enclosure": {
            "rotor": ROTOR,
            "air handling": AIR_HANDLING,
            "enclosure": ENCLOSURE,
            "pass box": PASS_BOX,
            "sulfide": SULFIDE,
            "rooms": ROOM,
            "grey room": GREY_ROOM,
            "dry rooms of the baseline": DRY_ROOM,
        },
        "coater": {
            "feeder": FEEDER,
            "mixer": MIXER,
            "binder": BINDER,
            "nips": NIPS,
            "forming": FORMING,
            "web": WEB,
            "heat": COATER_HEAT,
        },
        "calender": {
            "compaction": COMPACTION,
            "mill": MILL,
            "drive": DRIVE,
            "heat": CALENDER_HEAT,
        },
    }
)
"""All tables by section and title. A name is unique within a section and the film's."""

_WITH_FILM = ("coater", "calender")


def table(section: str) -> tuple[Parameter, ...]:
    """All rows a section's model knows; coater and calender know the film's too."""
    names = ("film", section) if section in _WITH_FILM else (section,)
    return tuple(row for name in names for rows in SECTIONS[name].values() for row in rows)


def numbers(section: str, overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Values of `table` by name, some overridden; ValueError names those that do not exist."""
    found = values(table(section))
    unknown = sorted(set(overrides or {}) - set(found))
    if unknown:
        raise ValueError(f"{section}: unknown parameters: {', '.join(unknown)}")
    return found | dict(overrides or {})
