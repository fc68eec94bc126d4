"""How alarms and their figures are told on a terminal."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from controller.alarms import kpi
from controller.cli import screen
from controller.clock import NS

SHAPES = {1: "■1", 2: "▲2", 3: "▼3", 4: "●4"}


def say(text: str) -> None:
    """One line, whatever is in it."""
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


def row_of(alarm: dict[str, Any]) -> tuple[str, ...]:
    """One alarm in the list."""
    marks = [f"x{alarm['burst']} chattering"] if alarm["chattering"] else []
    marks += ["stale"] if alarm["stale"] else []
    marks += ["1st"] if alarm["first_out"] and alarm["group"] else []
    group = " ".join((alarm["group"], *marks)).strip()
    cells = (
        SHAPES[alarm["priority"]], _clock(alarm["since_ns"]), alarm["id"], alarm["text"],
        _figures(alarm), _state(alarm), group,
    )  # fmt: skip
    return tuple(escape(cell) for cell in cells)


def shown(alarm: dict[str, Any]) -> Iterator[str]:
    """One alarm with its response, line by line."""
    yield f"{SHAPES[alarm['priority']]} {alarm['id']}: {alarm['text']}"
    yield f"  state        {_state(alarm)}, since {_clock(alarm['since_ns'])}"
    yield f"  occurrence   {alarm['occurrence']}"
    if figures := _figures(alarm):
        yield f"  value        {figures}"
    yield f"  cause        {alarm['cause']}"
    yield f"  consequence  {alarm['consequence']}"
    yield f"  to do        {alarm['action']}"
    yield f"  within       {alarm['respond_s']:g} s"


def alarms_told(counts: dict[str, int]) -> str:
    """'2 alarms, 1 not acknowledged, 1 shelved'."""
    parts = [f"{counts['active']} alarm{'' if counts['active'] == 1 else 's'}"]
    parts += [f"{counts['unacknowledged']} not acknowledged"] if counts["unacknowledged"] else []
    for name in ("shelved", "out-of-service"):
        parts += [f"{counts[name]} {name.replace('-', ' ')}"] if counts[name] else []
    return ", ".join(parts)


def kpi_rows(r: kpi.Report) -> Iterator[tuple[str, str, str, str]]:
    """Figure, value, what is good, and a mark where it is not."""
    low, high, critical = r.split
    wanted = "/".join(f"{100 * share:g}" for share in kpi.GOOD_SPLIT)
    yield "alarms", str(r.alarms), "", ""
    yield _judged("per operator hour", r.per_hour, kpi.GOOD_PER_HOUR, "{:.2f}")
    yield "per 10 min", f"{r.per_10_min:.2f}", "", ""
    yield _judged("peak in 10 min", r.peak, kpi.GOOD_PEAK, "{:.0f}")
    yield _judged("time in flood, %", 100 * r.in_flood, 100 * kpi.GOOD_FLOOD, "{:.2f}")
    yield "floods", str(r.floods), "", ""
    yield "share of the ten most frequent, %", f"{100 * r.top_share:.0f}", "", ""
    yield _judged("stale over 24 h", len(r.stale), kpi.GOOD_STALE, "{:.0f}")
    yield _judged("chattering", len(r.chattering), kpi.GOOD_CHATTERING, "{:.0f}")
    split = f"{100 * low:.0f}/{100 * high:.0f}/{100 * critical:.0f}"
    yield "low and medium / high / critical, %", split, f"about {wanted}", ""
    yield "acknowledged", str(r.acknowledged), "", ""
    yield "time to acknowledge, p50", _seconds(r.p50_s), "", ""
    yield "time to acknowledge, p90", _seconds(r.p90_s), "", ""


def _judged(name: str, value: float, good: float, form: str) -> tuple[str, str, str, str]:
    over = "over" if value > good else ""
    return name, form.format(value), f"up to {good:g}", over


def _seconds(value: float | None) -> str:
    return "nobody has" if value is None else f"{value:.1f} s"


def _figures(alarm: dict[str, Any]) -> str:
    value, limit, unit = alarm["value"], alarm["limit"], alarm["unit"]
    if value is None:
        return ""
    from_ = f" from {alarm['relative_to']}" if alarm["relative_to"] else ""
    told = f"{value:.5g} {unit}".rstrip(" -") + from_
    return told if limit is None else f"{told}, limit {limit:g}"


def _state(alarm: dict[str, Any]) -> str:
    aside = alarm["aside"]
    if not aside:
        return str(alarm["state"])
    until = f" until {_clock(aside['until_ns'])}" if aside["until_ns"] else ""
    return f"{alarm['state']}{until} by {aside['actor']}: {aside['reason']}"


def _clock(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / NS, UTC).strftime("%m-%d %H:%M:%SZ")
