"""How the tables are written: one row a number."""

from plc_sim.models.parameter import Parameter, Source

P, C, A, K = Source.PUBLISHED, Source.COMPUTED, Source.ASSUMED, Source.KNOWN
HOUR_S = 3600.0


def rows(
    *given: tuple[str, float, str, float, float, Source, str],
) -> tuple[Parameter, ...]:
    """Rows of name, value, unit, low, high, source, note."""
    return tuple(
        Parameter(name=name, value=value, unit=unit, low=low, high=high, source=source, note=note)
        for name, value, unit, low, high, source, note in given
    )
