"""The configured line: line.toml and the I/O list become one frozen object, or all their mistakes.

Nothing here connects or starts anything; a driver module is imported only for its Settings.
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from controller.api.energy_settings import EnergySettings
from controller.api.settings import ApiSettings
from controller.control.station_parts import AfterLinkLoss
from controller.core.errors import ConfigError, Problem
from controller.core.point import Access, Point
from controller.core.tag import Writer
from controller.io_checks import StationFacts, check_rows
from controller.io_list import in_file_order, read_rows
from controller.line_file import (
    IO_LIST,
    LINE_FILE,
    HistorySettings,
    Modules,
    ParsedLine,
    parse_line,
    right_prefix,
)
from controller.metrics.settings import MetricsSettings
from controller.sinks.places import SinkConfig
from controller.text_file import read_text

MAX_TOML_BYTES = 256 * 1024
MAX_CSV_BYTES = 4 * 1024 * 1024


class NoSettings(BaseModel):
    """Settings of a driver that has none."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """One station; `points` in the order of the I/O list. operator_limits: by set point, checked
    in `controller.operator_limits`."""

    name: str
    kind: str
    prefix: str
    title: str
    scan_period_s: float
    after_link_loss: AfterLinkLoss
    protocol: str
    settings: BaseModel
    points: tuple[Point, ...]
    operator_limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineConfig:
    """The whole line, or the part of it that one controller runs (`controller.part`).

    warnings: what is allowed and yet looks like a mistake. whole: of a part, all stations of the
    line; neighbours: those outside the part that it reads, with the points that it reads. sinks:
    targets outside that history is sent to. metrics: where figures are shown, if anywhere. api:
    where the API of the line listens. energy: what a kilowatt hour costs and emits, if it says.
    realtime_priority: see `controller.real_time`; 0 for none.
    """

    name: str
    title: str
    map_version: int
    history: HistorySettings
    stations: tuple[StationConfig, ...]
    folder: Path
    warnings: tuple[Problem, ...] = ()
    whole: tuple[str, ...] = ()
    neighbours: tuple[StationConfig, ...] = ()
    sinks: tuple[SinkConfig, ...] = ()
    metrics: MetricsSettings | None = None
    api: ApiSettings = field(default_factory=ApiSettings)
    energy: EnergySettings | None = None
    realtime_priority: int = 0

    @property
    def part(self) -> str:
        """Name of the part, "coater+calender"; "" for the whole line."""
        return "+".join(s.name for s in self.stations) if self.whole else ""

    @property
    def line_stations(self) -> tuple[str, ...]:
        """All stations of the line, in its order, also those that are not in this part."""
        return self.whole or tuple(s.name for s in self.stations)

    def station(self, name: str) -> StationConfig:
        """The station of that name; KeyError when there is none."""
        for station in self.stations:
            if station.name == name:
                return station
        raise KeyError(name)

    def summary(self) -> str:
        """A few lines for a person: the stations, how many points each has, and the warnings."""
        rows = [("station", "kind", "prefix", "protocol", "read", "written", "scan", "link loss")]
        for s in self.stations:
            written = sum(p.access is Access.WRITE for p in s.points)
            counts = (str(len(s.points) - written), str(written))
            scan = f"{s.scan_period_s * 1000:g} ms"
            rows.append((s.name, s.kind, s.prefix, s.protocol, *counts, scan, s.after_link_loss))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        table = [
            "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows
        ]
        points = sum(len(s.points) for s in self.stations)
        head = f"line {self.name}: {self.title}, map version {self.map_version}"
        kept = f"raw samples kept {self.history.raw_days} days in {self.history.path}"
        sent = [f"sent to {sink.name} ({sink.kind})" for sink in self.sinks]
        unusual = [f"warning: {warning}" for warning in self.warnings]
        if self.realtime_priority:
            sent.append(f"control asks for real-time priority {self.realtime_priority}")
        rest = [f"{points} points; {kept}", *sent, *unusual]
        return "\n".join([head, *(f"  {r}" for r in table), *rest])


def installed_modules() -> Modules:
    """Station kinds and protocols by the files that are there; none of them is imported."""
    root = Path(__file__).parent
    return Modules(
        kinds=_modules_with(root / "stations", "Station"),
        protocols=_modules_with(root / "drivers", "Driver"),
        settings_of=_settings_of,
        sinks=_modules_with(root / "sinks", "Sink"),
        sink_settings_of=_sink_settings_of,
    )


def _modules_with(folder: Path, class_name: str) -> tuple[str, ...]:
    """Modules of a package that define the class by which they count."""
    wanted = re.compile(rf"^class {class_name}\b", re.MULTILINE)
    files = sorted(folder.glob("[a-z]*.py"))
    return tuple(f.stem for f in files if wanted.search(f.read_text(encoding="utf-8")))


def _settings_of(protocol: str) -> type[BaseModel]:
    module = importlib.import_module(f"controller.drivers.{protocol}")
    settings = getattr(module, "Settings", NoSettings)
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        raise TypeError(f"{module.__name__}.Settings must be a pydantic model")
    return settings


def _sink_settings_of(kind: str) -> type[BaseModel]:
    """From a file of its own: the sink itself loads a library that only its process needs."""
    module = importlib.import_module(f"controller.sinks.{kind}_settings")
    settings: type[BaseModel] = module.Settings
    return settings


def load_line(path: Path, modules: Modules | None = None) -> LineConfig:
    """The line of a folder, or of the line.toml in it; ConfigError carries every problem."""
    config, problems = check(path, modules)
    if config is None:
        raise ConfigError(problems)
    return config


def check(folder: Path, modules: Modules | None = None) -> tuple[LineConfig | None, list[Problem]]:
    """The line of a folder and no problems, or None and every problem of both files, in order."""
    if folder.name == LINE_FILE:
        folder = folder.parent
    text, problems, warnings = read_text(
        folder / LINE_FILE, LINE_FILE, MAX_TOML_BYTES, "name the folder that holds one"
    )
    parsed = ParsedLine()
    if text is not None:
        parsed = parse_line(text, LINE_FILE, modules or installed_modules())
        problems += parsed.problems
    elif not (folder / IO_LIST).is_file():
        return None, problems
    points, io_problems, io_warnings = _points(folder, parsed)
    problems += io_problems
    if problems or parsed.sections is None:
        return None, problems
    return _config(folder, parsed, points, [*warnings, *io_warnings, *_cautions(parsed)]), []


def _cautions(parsed: ParsedLine) -> list[Problem]:
    """What sinks say about settings of theirs that are allowed and yet not wise."""
    return [
        Problem(file=LINE_FILE, line=None, field=f"sinks.{name}", value="", message=caution)
        for name, settings in parsed.sink_settings.items()
        if (caution := getattr(settings, "caution", ""))
    ]


def _points(folder: Path, parsed: ParsedLine) -> tuple[list[Point], list[Problem], list[Problem]]:
    """Points, problems and warnings of the I/O list."""
    name = parsed.io_list()
    if name is None:
        return [], [], []
    text, problems, warnings = read_text(
        folder / name, name, MAX_CSV_BYTES, "line.io_list in line.toml must name it"
    )
    if text is None:
        return [], problems, warnings
    rows, problems = read_rows(text, name)
    if not rows:
        return [], problems, warnings
    more, unusual = check_rows(rows, _facts(parsed), name)
    points = [point for row in rows if (point := row.point())]
    return points, in_file_order(rows, [*problems, *more]), [*warnings, *unusual]


def _facts(parsed: ParsedLine) -> list[StationFacts] | None:
    stations = parsed.stations()
    if stations is None:
        return None
    facts = []
    taken: set[str] = set()
    for name, table in stations.items():
        prefix, driver = right_prefix(table), table.get("driver")
        if prefix in taken:  # told already; whose tags they are is not known
            prefix = None
        taken.add(prefix or "")
        protocol = driver.get("protocol") if isinstance(driver, dict) else None
        settings = parsed.settings.get(name)
        ranges = {
            "hr": getattr(settings, "holding_ranges", ()),
            "di": getattr(settings, "discrete_ranges", ()),
        }
        facts.append(
            StationFacts(
                name=name,
                prefix=prefix,
                protocol=protocol if isinstance(protocol, str) else None,
                ranges=ranges,
            )
        )
    return facts


def _config(
    folder: Path, parsed: ParsedLine, points: Sequence[Point], warnings: Sequence[Problem]
) -> LineConfig | None:
    sections = parsed.sections
    if sections is None:
        return None
    stations = [
        StationConfig(
            name=name,
            kind=section.kind,
            prefix=section.prefix,
            title=section.title,
            scan_period_s=section.scan_period_s,
            after_link_loss=section.after_link_loss,
            protocol=section.driver.protocol,
            settings=parsed.settings[name],
            points=tuple(p for p in points if p.station == name),
            operator_limits=section.operator_limits,
        )
        for name, section in sections.stations.items()
    ]
    return LineConfig(
        name=sections.line.name,
        title=sections.line.title,
        map_version=sections.line.map_version,
        history=sections.history,
        stations=tuple(stations),
        folder=folder,
        warnings=tuple(warnings),
        sinks=tuple(
            SinkConfig(name=name, kind=section.kind, settings=parsed.sink_settings[name])
            for name, section in sections.sinks.items()
        ),
        metrics=sections.metrics,
        api=sections.api,
        energy=sections.energy,
        realtime_priority=sections.line.realtime_priority,
    )


def tag_dictionary(config: LineConfig) -> list[dict[str, object]]:
    """Every tag on the wire, read-backs included, as plain values for a table or JSON."""
    return [
        {
            "name": tag.name,
            "station": tag.station,
            "description": tag.description,
            "unit": tag.unit,
            "low": tag.low,
            "high": tag.high,
            "kind": tag.kind.value,
            "labels": list(tag.labels),
            "writer": tag.writer.value,
            "access": "W" if tag.writer is Writer.STATION else "R",
            "protocol": station.protocol,
            "address": point.address,
            "resolution": tag.resolution,
            "deadband": tag.history.deadband,
            "max_interval_s": tag.history.max_interval_s,
        }
        for station in config.stations
        for point in station.points
        for tag in point.tags()
    ]
