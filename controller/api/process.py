"""The process of the API: one for a line, beside its controllers, which never wait for it."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from controller.access.certificate import FOLDER, WARN_DAYS, Certificate, generated, own
from controller.access.database import STORE, Database
from controller.access.door import Door, may_listen
from controller.access.passwords import Passwords
from controller.api.alarm_watch import AlarmWatch
from controller.api.app import create_app, outer
from controller.api.asking import Consoles
from controller.api.audit_keeping import AuditKeeping
from controller.api.links import MirrorLinks
from controller.api.outer import Outer
from controller.api.parts import Given, Parts
from controller.api.screens import Front, Screens, keep_fresh, shipped_folder
from controller.api.serving import Listener, at_terminal, free_socket
from controller.api.settings import ApiSettings
from controller.api.station_watch import StationWatch
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.clock import NS, SystemClock, WallClock
from controller.config import LineConfig
from controller.core.errors import DrylineError
from controller.durable import make_folder
from controller.folder_socket import folder_socket
from controller.metrics.settings import OFF, Address
from controller.queries.sources import open_service
from controller.recipe_kind import recipe_kinds
from controller.recipe_store import RecipeStore
from controller.run_folder import api_socket
from controller.supervise import Supervisor, together

log = logging.getLogger("dryline.api")

LOCK = "locks/api.lock"
LOOK_S = 1.0  # for the first administrator
SWITCH_S = 0.001  # so long the event loop waits for a thread that computes
END_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. config: of the whole line."""

    config: LineConfig
    run: Path
    clock: SystemClock
    recipes: Path
    settings: ApiSettings


async def run_api(plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT, then leave within five seconds."""
    sys.setswitchinterval(SWITCH_S)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    make_folder(plan.run)
    with _alone(plan.run), contextlib.ExitStack() as stack:
        now = moments()
        certificate = _certificate(plan)
        trail = stack.enter_context(Trail(plan.run / TRAIL, now))
        database = stack.enter_context(Database(plan.run / STORE))
        access = plan.settings.access(plan.config.title, _port(plan.settings))
        door = Door(database, Passwords(), trail, now, access)
        _require_safe(plan.settings, door)
        screens = _screens(plan)
        history = open_service(plan.config, plan.run, plan.clock)
        stack.callback(history.close)
        parts = Parts(
            Given(
                config=plan.config, run=plan.run, clock=plan.clock, now=now, door=door,
                trail=trail, controllers=Consoles(plan.run), history=history,
                recipes=RecipeStore(plan.recipes, recipe_kinds(plan.config), SystemClock()),
                proxies=frozenset(plan.settings.proxies), encrypted=plan.settings.tls,
                certificate=certificate,
            )
        )  # fmt: skip
        stack.callback(parts.pools.close)
        if screens is not None:
            parts.hub.screens = screens.digest
        app = _around(create_app(parts), parts, certificate, screens)
        await _serve(plan, parts, app, certificate, screens, ended)


async def _serve(
    plan: Plan, parts: Parts, app: Outer, certificate: Certificate | None,
    screens: Screens | None, ended: asyncio.Event,
) -> None:  # fmt: skip
    clock, path = plan.clock, api_socket(plan.run)
    keeping = AuditKeeping(
        parts.given.trail, plan.config, plan.run, parts.given.controllers, parts.pools.trail, clock
    )
    await keeping.started(_listening(plan.settings, certificate))
    terminal = Listener(at_terminal(app), folder_socket(path), None)
    try:
        async with Supervisor(clock) as supervisor:
            links = MirrorLinks(plan.run, parts.mirror, clock, supervisor)
            parts.fed = links.fed
            supervisor.keep("mirror", links.run)
            supervisor.keep("live rounds", partial(parts.hub.run, links.fed))
            supervisor.keep("sessions", partial(parts.hub.watch_sessions, parts.door, parts.pools))
            supervisor.keep("read-backs", partial(parts.read_backs.run, links.fed.set))
            alarms = AlarmWatch(parts.given.controllers, parts.alarms, clock)
            supervisor.keep("alarms", alarms.run)
            supervisor.keep("commands past the API", keeping.take_over)
            supervisor.keep("heads of the audit trail", keeping.tell_heads)
            stations = StationWatch(parts.given.controllers, parts.stations, clock)
            supervisor.keep("stations", stations.run)
            supervisor.keep("rehearsals", parts.rehearsals.run)
            if screens is not None and screens.workshop:
                watch = partial(keep_fresh, screens, parts.pools.files, clock)
                supervisor.keep("screens", watch)
            parts.ready = True
            log.info("the API is at %s", path.name)
            network = _Network(plan, parts, app, certificate)
            await together(terminal.serve(), network.run(), _end(ended, parts, terminal, network))
    finally:
        path.unlink(missing_ok=True)
        keeping.stopped()
    log.info("the API has ended")


class _Network:
    """The listener at an address, as soon as that is free; none without an address. Other machines
    are let in from the moment on when there is an administrator."""

    def __init__(
        self, plan: Plan, parts: Parts, app: Outer, certificate: Certificate | None
    ) -> None:
        self._plan, self._app, self._certificate = plan, app, certificate
        self._parts = parts
        self._listener: Listener | None = None
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Listen until `end`."""
        address = self._plan.settings.address
        if address is None:
            return
        encrypted, has = self._plan.settings.tls, await self._has_administrator()
        if why := may_listen(address.host, encrypted=encrypted, administrator=has):
            host = "::1" if ":" in address.host else "127.0.0.1"
            log.warning("%s", why)
            await together(self._listen(address._replace(host=host)), self._until_administrator())
        if not self._over.is_set():
            await self._listen(address)

    async def _has_administrator(self) -> bool:
        return await self._parts.pools.door.do(self._parts.door.desk.has_administrator)

    async def _until_administrator(self) -> None:
        while not self._over.is_set():
            if self._listener is not None and await self._has_administrator():
                self._listener.end()
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._over.wait()

    async def _listen(self, address: Address) -> None:
        listening = await free_socket(address, self._over)
        if listening is None:
            return
        listener = self._listener = Listener(self._app, listening, self._certificate)
        scheme = "https" if self._certificate else "http"
        log.info("the API is at %s://%s", scheme, address._replace(port=listener.port))
        await listener.serve()

    def end(self) -> None:
        """Listen no longer."""
        self._over.set()
        if self._listener is not None:
            self._listener.end()


async def _end(ended: asyncio.Event, parts: Parts, terminal: Listener, network: _Network) -> None:
    """Wait for the signal, then end everything in order."""
    await ended.wait()
    parts.ready = False
    parts.hub.end_all()
    terminal.end()
    network.end()


def _around(
    app: FastAPI, parts: Parts, certificate: Certificate | None, screens: Screens | None
) -> Outer:
    strict = certificate is not None and not certificate.generated
    inner = app if screens is None else Front(app, screens)
    return outer(inner, parts, strict_transport=strict)


def _screens(plan: Plan) -> Screens | None:
    """Those of the settings, or those that came with the program; None where there are none."""
    named = plan.settings.screens
    if named == OFF:
        return None
    if named is not None:
        return Screens(plan.config.folder / named, workshop=True)
    folder = shipped_folder()
    if folder is None:
        log.info("no screens are installed: the API answers programs only")
        return None
    return Screens(folder)


def _certificate(plan: Plan) -> Certificate | None:
    """The site's own, or one made for its names."""
    settings, folder = plan.settings, plan.config.folder
    if not settings.tls:
        return None
    utc_s = WallClock().utc_ns() / NS
    if settings.certificate and settings.key:
        found = own(folder / settings.certificate, folder / settings.key)
    else:
        names = [name.strip("[]") for name in settings.names]
        found = generated(plan.run / FOLDER, names, utc_s)
    left = found.days_left(utc_s)
    if left < WARN_DAYS:
        log.warning("the certificate expires in %.0f days", left)
    log.info("certificate SHA-256 %s", found.fingerprint)
    return found


def _require_safe(settings: ApiSettings, door: Door) -> None:
    """Only this machine may connect without TLS; nor may others without an administrator, which
    `_Network` sees to."""
    address = settings.address
    if not door.desk.has_administrator():
        log.info("no administrator yet: `dryline user add`, or `dryline user invite` for a code")
    if address is None:
        return
    why = may_listen(address.host, encrypted=settings.tls, administrator=True)
    if why:
        told = "say tls = true in [api] of line.toml"
        raise DrylineError(f"[api] listen = {settings.listen}: {why}; {told}")


def _listening(settings: ApiSettings, certificate: Certificate | None) -> str:
    """Where, and with which certificate; for the audit trail."""
    place = str(settings.address) if settings.address else "the run folder"
    if certificate is None:
        return place
    return f"{place} with TLS, certificate SHA-256 {certificate.fingerprint}"


def _port(settings: ApiSettings) -> int:
    return settings.address.port if settings.address else 0


@contextlib.contextmanager
def _alone(run: Path) -> Iterator[None]:
    """One API for a run folder; the lock dies with its process."""
    path = run / LOCK
    make_folder(path.parent)
    with path.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            who = stream.read(20).decode(errors="replace") or "just starting"
            raise DrylineError(f"an API runs for this folder already (pid {who})") from None
        stream.truncate(0)
        stream.write(str(os.getpid()).encode())
        stream.flush()
        yield
