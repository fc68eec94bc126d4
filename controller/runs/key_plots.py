"""Which tags of a station are worth a plot: its course, its loops, what it has alarms on."""

from collections.abc import Iterator
from dataclasses import dataclass

from controller.control.station import Station


@dataclass(frozen=True, slots=True)
class KeyPlot:
    """One picture. name: of the file, without folder and ending; panels: tags that share axes."""

    name: str
    title: str
    panels: tuple[tuple[str, ...], ...]


def key_plots(program: type[Station], prefix: str) -> tuple[KeyPlot, ...]:
    """The plots of a station of a kind whose tags begin with `prefix`."""
    return tuple(_plots(program, prefix))


def _plots(program: type[Station], prefix: str) -> Iterator[KeyPlot]:
    course = tuple((f"{prefix}.{tag}",) for tag in ("SERVICE.PACKML", "RUN.PHASE", "RUN.DRIFT"))
    yield KeyPlot("course", "Course of the run", course)
    for loop in program.loops_of(prefix).values():
        inside = (loop.pv, f"{loop.name}.SP", f"{loop.name}.WSP")
        yield KeyPlot(loop.name, loop.pid.config.name, (inside, (f"{loop.name}.OP",)))
    watched = tuple((f"{prefix}{tag}",) for tag, _ in program.ALARMS)
    if watched:
        yield KeyPlot("watched", "Tags with alarm limits", watched)
