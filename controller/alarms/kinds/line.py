"""Alarms of the line's own figures: history, record of the runs, disk, sinks."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from controller.alarms.definition import AlarmDefinition, Priority

_disk = partial(AlarmDefinition, tag=".DISK.FREE", above=False, unit="GB", group="history")
_failing = partial(AlarmDefinition, name="failing", above=True, limit=0.5, group="history")
_expires = partial(
    AlarmDefinition, tag=".SECURITY.EXPIRES", above=False, unit="d", group="security"
)
_sink = partial(AlarmDefinition, tag="STATE", above=True)

ALARMS: tuple[AlarmDefinition, ...] = (
    _failing(
        tag=".HISTORY.FAILING",
        priority=Priority.HIGH,
        text="history cannot be written",
        cause="the disk is full, read-only or broken",
        consequence="samples wait in memory and are lost, oldest first, when it is full",
        action="make room on the disk or mend it; what waits is stored by itself then",
        respond_s=900.0,
    ),
    _failing(
        tag=".RECORD.FAILING",
        priority=Priority.HIGH,
        text="runs and station memory cannot be written",
        cause="the disk is full, read-only or broken",
        consequence="START, DEPLOY and trials are refused; a restart would forget the open run",
        action="make room on the disk or mend it",
        respond_s=600.0,
    ),
    AlarmDefinition(
        tag=".SECURITY.REFUSED",
        name="refused",
        above=True,
        limit=0.5,
        priority=Priority.MEDIUM,
        group="security",
        text="a PLC does not prove to be the accepted one and is refused",
        cause="its certificate is new, changed or expired, or somebody else answers in its place",
        consequence="the station is neither read nor controlled; its PLC goes to its safe state",
        action="`dryline trust list` shows it; accept it only if the PLC itself shows the same",
        respond_s=600.0,
    ),
    AlarmDefinition(
        tag=".SECURITY.INSECURE",
        name="insecure",
        above=True,
        limit=0.5,
        priority=Priority.LOW,
        group="security",
        text="a station is reached without encryption",
        cause="line.toml says security = insecure",
        consequence="anybody on that network can read and write the PLC",
        action="name a policy in line.toml; until then keep everybody else off that network",
        respond_s=8 * 3600.0,
    ),
    _expires(
        name="lo",
        limit=30.0,
        priority=Priority.LOW,
        text="a certificate expires soon",
        cause="nobody has replaced it yet",
        consequence="when it has ended, the PLC is refused, or browsers warn of the screens",
        action="put a new one in its place: `dryline trust list` shows those of the PLCs",
        respond_s=8 * 3600.0,
    ),
    _expires(
        name="lolo",
        limit=7.0,
        priority=Priority.MEDIUM,
        text="a certificate expires within days",
        cause="nobody has replaced it in the weeks before",
        consequence="when it has ended, the PLC is refused, or browsers warn of the screens",
        action="put a new one in its place now, before a run is disturbed",
        respond_s=3600.0,
    ),
    AlarmDefinition(
        tag=".HISTORY.OUTBOX",
        name="hi",
        above=True,
        limit=80.0,
        unit="%",
        deadband=5.0,
        priority=Priority.LOW,
        group="sinks",
        text="what waits for sinks fills 80 % of its disk limit",
        cause="the server of a sink has been away for long",
        consequence="at the limit the oldest samples are never sent",
        action="mend the sink, or raise outbox_mb",
        respond_s=3600.0,
    ),
    _disk(
        name="lo",
        limit=2.0,
        deadband=0.2,
        priority=Priority.MEDIUM,
        text="the disk of history is nearly full",
        cause="history or something else on the disk grows",
        consequence="a full disk stops the recording",
        action="make room, or let raw_days of [history] be shorter",
        respond_s=3600.0,
    ),
    _disk(
        name="lolo",
        limit=0.2,
        deadband=0.05,
        priority=Priority.HIGH,
        text="the disk of history is all but full",
        cause="history or something else on the disk has filled it",
        consequence="nothing can be recorded, so START and DEPLOY are refused",
        action="make room now",
        respond_s=600.0,
    ),
)

_SINK: tuple[AlarmDefinition, ...] = (
    _sink(
        name="lo",
        above=False,
        limit=0.5,
        on_delay_s=15.0,
        priority=Priority.MEDIUM,
        text="the process of the sink does not run",
        cause="it has crashed or was stopped",
        consequence="nothing is sent; what is recorded waits on disk",
        action="look into the log of the controller",
        respond_s=3600.0,
    ),
    _sink(
        name="hi",
        limit=2.5,
        on_delay_s=60.0,
        priority=Priority.LOW,
        text="the sink does not get rid of data",
        cause="the server does not answer or asks to wait",
        consequence="what is recorded waits on disk, up to the limit of the outbox",
        action="mend the server or the way to it",
        respond_s=4 * 3600.0,
    ),
    _sink(
        name="hihi",
        limit=3.5,
        priority=Priority.MEDIUM,
        text="the sink has stopped",
        cause="token, bucket or address is wrong, or the local disk refuses",
        consequence="nothing is sent until somebody mends it",
        action="`dryline sink list` says why; change the configuration",
        respond_s=3600.0,
    ),
    AlarmDefinition(
        tag="QUARANTINED",
        name="hi",
        above=True,
        limit=0.5,
        priority=Priority.LOW,
        text="the server refused lines, which lie in quarantine",
        cause="the server's schema or limits do not fit the data",
        consequence="these lines are not on the server",
        action="`dryline sink quarantine` shows them, `dryline sink retry` sends them again",
        respond_s=8 * 3600.0,
    ),
)


def sink_alarms(sinks: Iterable[str]) -> tuple[AlarmDefinition, ...]:
    """The alarms of every sink. sinks: their names as in line.toml."""
    return tuple(
        replace(
            row,
            tag=f".SINK.{sink.upper()}.{row.tag}",
            group=f"sink {sink}",
            key=f"line:SINK.{row.tag}.{row.name}",
        )
        for sink in sinks
        for row in _SINK
    )
