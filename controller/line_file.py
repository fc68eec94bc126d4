"""line.toml: its typed shape, and everything that can be wrong with it, told at once."""

import datetime
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from controller.api.energy_settings import EnergySettings
from controller.api.settings import ApiSettings
from controller.control.station_parts import AfterLinkLoss
from controller.core.errors import Problem
from controller.endpoint import endpoint_of
from controller.explain import closest, dotted, problems_of, quoted
from controller.metrics.settings import MetricsSettings
from controller.real_time import HIGHEST
from controller.text_file import shown
from controller.toml_lines import KeyPath, key_lines, line_of, nested_line

LINE_FILE = "line.toml"
IO_LIST = "io_list.csv"
MAX_LINE = 4000  # characters: longer lines are a damaged file, and slow to parse
MAX_NESTING = 16
MAX_SINK_NAME = 24
LEAST_MAX_MB = 64  # below it the journal alone could fill the file
EVENTS = "events"  # measurement of events in sinks, beside one for each station
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PREFIX = re.compile(r"[A-Z][A-Z0-9]*")
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_FROM_STATION = ("prefix",)  # driver settings that are taken from the station, not from the file


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be small letters, digits and _, beginning with a letter")
    return value


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError("must be capitals and digits, beginning with a letter, as COAT")
    return value


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text on one line, without spaces around it")
    return value


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    absolute = path.is_absolute() or PureWindowsPath(value).drive
    if absolute or "\\" in value or ".." in path.parts or not path.name:
        raise ValueError("must be a path inside the folder of this file: relative, with /, no ..")
    return _printable(value)


_Name = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_name)]
_Title = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_printable)]
_Span = tuple[float, float]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class LineSection(_Section):
    """[line]"""

    name: _Name = Field(description="name of the line")
    title: _Title = Field(description="name for people")
    io_list: Annotated[str, AfterValidator(_inside)] = Field(description="file of the I/O list")
    map_version: int = Field(ge=1, le=65535, description="equal to PREFIX.MAP of every PLC")
    realtime_priority: int = Field(
        default=0, ge=0, le=HIGHEST, description="of the thread that scans, 0 for a usual one"
    )


class HistorySettings(_Section):
    """[history]: where the local history lives and how long what is kept."""

    path: Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_printable)] = Field(
        description="file, relative to the run folder"
    )
    commit_interval_s: float = Field(ge=0.05, le=10, description="seconds between commits")
    raw_days: int = Field(ge=1, le=3650, description="days that raw samples are kept")
    ten_s_days: int = Field(default=365, ge=1, le=3650, description="days until only minutes stay")
    minute_days: int = Field(
        default=0, ge=0, le=36_500, description="days that minutes are kept, 0 for ever"
    )
    max_mb: int = Field(
        default=0, ge=0, le=10_000_000, description="megabytes of the file, 0 for no limit"
    )
    outbox_mb: int = Field(
        default=2048, ge=16, le=1_000_000, description="megabytes that may wait for sinks"
    )


class DriverSection(BaseModel):
    """[stations.NAME.driver]; all keys but the protocol belong to the driver's own Settings."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    protocol: str = Field(description="a file in controller/drivers")


class StationSection(_Section):
    """[stations.NAME]"""

    kind: str = Field(description="a file in controller/stations")
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        max_length=16, description="first part of the tags every PLC has"
    )
    title: _Title = Field(description="name for people")
    scan_period_s: float = Field(ge=0.02, le=10, description="seconds")
    after_link_loss: AfterLinkLoss
    operator_limits: dict[str, _Span] = Field(
        default={}, description="set points and how far operators may move them, as [low, high]"
    )
    driver: DriverSection = Field(description="protocol and where the station is reached")


class SinkSection(BaseModel):
    """[sinks.NAME]; all keys but the kind belong to the sink's own Settings."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    kind: str = Field(description="a file in controller/sinks")


class LineFile(_Section):
    """The whole file."""

    line: LineSection = Field(description="[line] with name, title, io_list, map_version")
    history: HistorySettings = Field(description="[history] with path, commit_interval_s, raw_days")
    stations: dict[str, StationSection] = Field(
        min_length=1, description="one table [stations.NAME] a station"
    )
    sinks: dict[str, SinkSection] = Field(
        default={}, description="one table [sinks.NAME] a target outside"
    )
    metrics: MetricsSettings | None = Field(default=None, description="[metrics] with listen")
    api: ApiSettings = Field(default=ApiSettings(), description="[api] with listen, tls")
    energy: EnergySettings | None = Field(default=None, description="[energy] with price, CO2")


def _any_settings(_: str) -> type[BaseModel]:
    return SinkSection


@dataclass(frozen=True, slots=True)
class Modules:
    """Which kinds of stations, protocols and sinks there are, and the Settings of the latter."""

    kinds: tuple[str, ...]
    protocols: tuple[str, ...]
    settings_of: Callable[[str], type[BaseModel]]
    sinks: tuple[str, ...] = ()
    sink_settings_of: Callable[[str], type[BaseModel]] = _any_settings


@dataclass(slots=True)
class ParsedLine:
    """line.toml as far as it could be understood."""

    problems: list[Problem] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=dict)
    sections: LineFile | None = None
    settings: dict[str, BaseModel] = field(default_factory=dict)  # by station
    sink_settings: dict[str, BaseModel] = field(default_factory=dict)  # by sink

    def stations(self) -> Mapping[str, Mapping[str, object]] | None:
        """The station tables, right or not; None when there are none."""
        return self.tables("stations")

    def tables(self, key: str) -> Mapping[str, Mapping[str, object]] | None:
        """The tables under a key, right or not; None when there are none."""
        tables = self.document.get(key)
        if not isinstance(tables, dict):
            return None
        return {name: table for name, table in tables.items() if isinstance(table, dict)}

    def io_list(self) -> str | None:
        """The path of the I/O list: the one given, the usual one, or None when it is not usable."""
        section = self.document.get("line")
        given = section.get("io_list", IO_LIST) if isinstance(section, dict) else IO_LIST
        try:
            return _inside(given) if isinstance(given, str) else IO_LIST
        except ValueError:
            return None


def parse_line(text: str, file: str, modules: Modules) -> ParsedLine:
    """Read the text; every mistake becomes a problem, in the order of the lines."""
    parsed = ParsedLine()
    try:
        document, parsed.problems = _document(text, file)
    except RecursionError:
        line = nested_line(text, MAX_NESTING)
        message = f"brackets nested too deeply: at most {MAX_NESTING} levels"
        parsed.problems = [Problem(file=file, line=line, field="line", value="", message=message)]
        return parsed
    if document is None:
        return parsed
    parsed.document = document
    checker = _Checker(file, key_lines(text), modules, parsed)
    checker.sections()
    checker.stations()
    checker.sinks()
    parsed.problems.sort(key=lambda p: p.line or 0)
    return parsed


def _document(text: str, file: str) -> tuple[dict[str, object] | None, list[Problem]]:
    """The parsed text, or the one reason why it is not TOML."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            message = f"line of {len(line)} characters: at most {MAX_LINE}"
            found = Problem(file=file, line=number, field="line", value="", message=message)
            return None, [found]
    try:
        return tomllib.loads(text), []
    except ValueError as error:
        match = _PLACE.fullmatch(str(error))
        reason = match[1] if match else str(error)
        end = text.rstrip("\n").count("\n") + 1
        number = int(match[2]) if match and match[2] else end
        place = f"column {match[3]}" if match and match[3] else "end of file"
        source = text.split("\n")[number - 1]
        if reason.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
            reason = "key or table given twice: keep one"
        message = f"not TOML: {reason[:1].lower()}{reason[1:]}"
        return None, [
            Problem(file=file, line=number, field=place, value=shown(source), message=message)
        ]


class _Checker:
    """Collects the problems of one document."""

    def __init__(
        self, file: str, lines: Mapping[KeyPath, int], modules: Modules, parsed: ParsedLine
    ) -> None:
        self._file = file
        self._lines = lines
        self._modules = modules
        self._parsed = parsed
        self._odd: set[str] = set()  # keys already told, whose value was taken out

    def _wrong(self, path: KeyPath, value: object, message: str) -> None:
        found = "" if value is None else shown(value)
        line = line_of(self._lines, path)
        self._parsed.problems.append(
            Problem(file=self._file, line=line, field=dotted(path), value=found, message=message)
        )

    def _plain(self, value: object, path: KeyPath) -> object:
        """The value with everything that no setting can be taken out and told."""
        message = ""
        match value:
            case dict() | list() if len(path) > MAX_NESTING:
                message = f"nested too deeply: at most {MAX_NESTING} levels"
            case dict():
                return {key: self._plain(item, (*path, key)) for key, item in value.items()}
            case list():
                return [self._plain(item, (*path, k)) for k, item in enumerate(value)]
            case float() if not isfinite(value):
                message = "must be a finite number"
            case datetime.date() | datetime.time():
                message = "no setting is a date or a time: put text in quotes"
        if message:
            self._odd.add(dotted(path))
            self._wrong(path, value, message)
            return None
        return value

    def _validate(
        self, model: type[BaseModel], content: object, base: KeyPath, hidden: tuple[str, ...] = ()
    ) -> BaseModel | None:
        """The model from a table, or None and its problems; `hidden` keys are not of the file."""
        try:
            # By way of JSON, because a strict model takes the text of an enum only from there.
            return model.model_validate_json(json.dumps(content))
        except ValidationError as error:
            found = problems_of(error, model, self._file, self._lines, base, hidden)
            self._parsed.problems += [p for p in found if p.field not in self._odd]
            return None

    def sections(self) -> None:
        """Shape, types and ranges of everything but the drivers' settings."""
        document = self._plain(self._parsed.document, ())
        self._parsed.document = document if isinstance(document, dict) else {}
        sections = self._validate(LineFile, document, ())
        self._parsed.sections = sections if isinstance(sections, LineFile) else None
        if self._parsed.sections is not None:
            self._levels(self._parsed.sections.history)

    def _levels(self, history: HistorySettings) -> None:
        """No level of the history ends before the finer one, nor is the limit next to nothing."""
        order = (("ten_s_days", "raw_days", ""), ("minute_days", "ten_s_days", ", or 0 for ever"))
        for name, finer, or_else in order:
            least, given = getattr(history, finer), getattr(history, name)
            if name in history.model_fields_set and (given or not or_else) and given < least:
                message = f"ends before the finer level: at least {finer}, {least}{or_else}"
                self._wrong(("history", name), given, message)
        if 0 < history.max_mb < LEAST_MAX_MB:
            message = f"out of range: at least {LEAST_MAX_MB}, or 0 for no limit"
            self._wrong(("history", "max_mb"), history.max_mb, message)

    def stations(self) -> None:
        """Names, kinds, protocols and drivers' settings; nothing shared that must be unique."""
        prefixes: dict[str, str] = {}
        endpoints: dict[tuple[object, ...], str] = {}
        for name, table in (self._parsed.stations() or {}).items():
            path: KeyPath = ("stations", name)
            if not _NAME.fullmatch(name):
                self._wrong(path, name, "a station name is small letters, digits and _")
            self._one_of((*path, "kind"), table.get("kind"), self._modules.kinds)
            prefix = table.get("prefix")
            if isinstance(prefix, str) and prefixes.setdefault(prefix, name) != name:
                first = prefixes[prefix]
                self._wrong(
                    (*path, "prefix"), prefix, f"is that of station {first}: choose another"
                )
            settings = self._driver((*path, "driver"), table)
            if settings is None:
                continue
            self._parsed.settings[name] = settings
            endpoint = endpoint_of(settings)
            if endpoint and endpoints.setdefault(endpoint, name) != name:
                first = endpoints[endpoint]
                key = "endpoint" if "endpoint" in type(settings).model_fields else "host"
                message = f"reaches the same server as station {first}: give each its own"
                self._wrong((*path, "driver", key), getattr(settings, key), message)

    def sinks(self) -> None:
        """Names, kinds and settings of sinks."""
        tables = self._parsed.tables("sinks") or {}
        for name, table in tables.items():
            path: KeyPath = ("sinks", name)
            if not _NAME.fullmatch(name) or len(name) > MAX_SINK_NAME:
                message = f"a sink name is small letters, digits and _, at most {MAX_SINK_NAME}"
                self._wrong(path, name, message)
            kind = table.get("kind")
            if not self._one_of((*path, "kind"), kind, self._modules.sinks):
                continue
            settings = self._validate(self._modules.sink_settings_of(str(kind)), table, path)
            if settings is not None:
                self._parsed.sink_settings[name] = settings
        if tables and EVENTS in (self._parsed.stations() or {}):
            message = "sinks put the events of the line under this name: choose another"
            self._wrong(("stations", EVENTS), EVENTS, message)

    def _driver(self, path: KeyPath, table: Mapping[str, object]) -> BaseModel | None:
        driver = table.get("driver")
        if not isinstance(driver, dict):
            return None
        protocol = driver.get("protocol")
        known = self._one_of((*path, "protocol"), protocol, self._modules.protocols)
        if not known or not isinstance(protocol, str):
            return None
        model = self._modules.settings_of(protocol)
        taken = tuple(key for key in _FROM_STATION if key in model.model_fields)
        for key in taken:
            if key in driver:
                self._wrong((*path, key), driver[key], "is that of the station: remove it here")
        content = {**driver, **{key: table.get(key) for key in taken}}
        if "protocol" not in model.model_fields:
            del content["protocol"]
        return self._validate(model, content, path, taken)

    def _one_of(self, path: KeyPath, value: object, known: tuple[str, ...]) -> bool:
        if value in known:
            return True
        if isinstance(value, str):
            message = f"there is none: {closest(value, known)}allowed: {quoted(known)}"
            self._wrong(path, value, message)
        return False


def right_prefix(table: Mapping[str, object]) -> str | None:
    """The prefix of a station table, if it is one."""
    prefix = table.get("prefix")
    return prefix if isinstance(prefix, str) and _PREFIX.fullmatch(prefix) else None
