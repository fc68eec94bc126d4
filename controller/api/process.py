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

from controller.access.certificate import WARN_DAYS, Certificate, generated, own
from controller.access.database import STORE, Database
from controller.access.door import Door, may_listen
from controller.access.passwords import Passwords
from controller.api.alarm_watch import AlarmWatch
from controller.api.app import create_app, outer
from controller.api.asking import Consoles
from controller.api.links import MirrorLinks
from controller.api.outer import Outer
from controller.api.parts import Given, Parts
from controller.api.serving import Listener, at_terminal, folder_socket, free_socket
from controller.api.settings import ApiSettings
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.clock import NS, SystemClock, WallClock
from controller.config import LineConfig
from controller.core.errors import DrylineError
from controller.durable import make_folder
from controller.queries.sources import open_service
from controller.recipe_kind import recipe_kinds
from controller.recipe_store import RecipeStore
from controller.run_folder import api_socket
from controller.supervise import Supervisor, together

log = logging.getLogger("dryline.api")

LOCK = "locks/api.lock"
TLS = "tls"
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
        history = open_service(plan.config, plan.run, plan.clock)
        stack.callback(history.close)
        parts = Parts(
            Given(
                config=plan.config, run=plan.run, clock=plan.clock, now=now, door=door,
                trail=trail, controllers=Consoles(plan.run), history=history,
                recipes=RecipeStore(plan.recipes, recipe_kinds(plan.config), SystemClock()),
                proxies=frozenset(plan.settings.proxies), encrypted=plan.settings.tls,
            )
        )  # fmt: skip
        stack.callback(parts.pools.close)
        await _serve(plan, parts, certificate, ended)


async def _serve(
    plan: Plan, parts: Parts, certificate: Certificate | None, ended: asyncio.Event
) -> None:
    app, clock = create_app(parts), plan.clock
    path = api_socket(plan.run)
    terminal = Listener(at_terminal(_around(app, parts, certificate)), folder_socket(path), None)
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
            parts.ready = True
            log.info("the API is at %s", path.name)
            network = _Network(plan, parts, app, certificate)
            await together(terminal.serve(), network.run(), _end(ended, parts, terminal, network))
    finally:
        path.unlink(missing_ok=True)
    log.info("the API has ended")


class _Network:
    """The listener at an address, as soon as that is free; none without an address."""

    def __init__(
        self, plan: Plan, parts: Parts, app: FastAPI, certificate: Certificate | None
    ) -> None:
        self._plan, self._parts, self._app = plan, parts, app
        self._certificate = certificate
        self._listener: Listener | None = None
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Listen until `end`."""
        address = self._plan.settings.address
        if address is None:
            return
        listening = await free_socket(address, self._over)
        if listening is None:
            return
        app = _around(self._app, self._parts, self._certificate)
        listener = self._listener = Listener(app, listening, self._certificate)
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


def _around(app: FastAPI, parts: Parts, certificate: Certificate | None) -> Outer:
    strict = certificate is not None and not certificate.generated
    return outer(app, parts, strict_transport=strict)


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
        found = generated(plan.run / TLS, names, utc_s)
    left = found.days_left(utc_s)
    if left < WARN_DAYS:
        log.warning("the certificate expires in %.0f days", left)
    log.info("certificate SHA-256 %s", found.fingerprint)
    return found


def _require_safe(settings: ApiSettings, door: Door) -> None:
    """Only this machine, until there are TLS and somebody who administers users."""
    address = settings.address
    has = door.desk.has_administrator()
    if not has:
        log.info("no administrator yet: `dryline user add`, or `dryline user invite` for a code")
    if address is None:
        return
    why = may_listen(address.host, encrypted=settings.tls, administrator=has)
    if why:
        told = "say tls = true in [api] of line.toml" if has else "first `dryline user add`"
        raise DrylineError(f"[api] listen = {settings.listen}: {why}; {told}")


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
