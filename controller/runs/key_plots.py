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


def key_plots(program: type[Station], kind: str, prefix: str) -> tuple[KeyPlot, ...]:
    """The plots of a station of a kind whose tags begin with `prefix`."""
    return tuple(_plots(program, kind, prefix))


def _plots(program: type[Station], kind: str, prefix: str) -> Iterator[KeyPlot]:
    course = tuple((f"{prefix}.{tag}",) for tag in ("SERVICE.PACKML", "RUN.PHASE", "RUN.DRIFT"))
    yield KeyPlot("course", "Course of the run", course)
    for loop in program.loops_of(prefix).values():
        inside = (loop.pv, f"{loop.name}.SP", f"{loop.name}.WSP")
        yield KeyPlot(loop.name, loop.pid.config.name, (inside, (f"{loop.name}.OP",)))
    limited = [d.tag for d in program.alarms_of(kind, "", prefix) if d.level]
    own = dict.fromkeys(tag for tag in limited if not tag.startswith(f"{prefix}.LINK."))
    if own:
        yield KeyPlot("watched", "Tags with alarm limits", tuple((tag,) for tag in own))
