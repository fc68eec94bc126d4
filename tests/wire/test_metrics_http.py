"""/metrics, /healthz and /readyz of a real controller process, whose plant is not there."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.metrics.server import AT_ONCE
from tests.support.line_under_test import STATIONS, free_ports, line_folder

ENOUGH_S = 40.0
ASKED_S = 2.0
Found = TypeVar("Found")


class Answer(NamedTuple):
    status: int
    content_type: str
    body: str


class Controller:
    """A controller of the shipped line on ports that nobody else has."""

    def __init__(self, folder: Path, *words: str, section: str = "") -> None:
        ports = dict(zip(STATIONS, free_ports(len(STATIONS)), strict=True))
        line = line_folder(folder / "line", ports)
        if section:
            path = line / "line.toml"
            path.write_text(f"{path.read_text()}\n[metrics]\n{section}\n", encoding="utf-8")
        self.run = folder / "run"
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controller", "controller", "--line", str(line),
             "--run", str(self.run), *words],
            stderr=self._log,
        )  # fmt: skip
        self.told = folder / "log"

    def __enter__(self) -> "Controller":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(ENOUGH_S)
        self._log.close()


def ask(port: int, path: str, method: str = "GET", accept: str = "") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASKED_S)
    try:
        connection.request(method, path, headers={"Accept": accept} if accept else {})
        response = connection.getresponse()
        return Answer(
            response.status, response.getheader("Content-Type") or "", response.read().decode()
        )
    finally:
        connection.close()


def eventually(test: Callable[[], Found]) -> Found:
    until = time.monotonic() + ENOUGH_S
    while True:
        try:
            found = test()
        except (OSError, http.client.HTTPException):
            if time.monotonic() > until:
                raise
        else:
            if found:
                return found
            assert time.monotonic() < until
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    return ask(port, "/readyz").status == 200


@contextmanager
def silent_clients(port: int, n: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


def test_pages_of_a_running_controller(tmp_path: Path, port: int) -> None:
    with Controller(tmp_path, "--metrics", f"127.0.0.1:{port}"):
        eventually(lambda: is_ready(port))
        page = ask(port, "/metrics")
        assert page.status == 200
        assert page.content_type.startswith("text/plain; version=0.0.4")
        families = {f.name: f for f in text_string_to_metric_families(page.body)}
        stations = {s.labels["station"] for s in families["dryline_scans"].samples}
        assert stations == set(STATIONS)
        assert families["process_resident_memory_bytes"].samples[0].value > 1e7
        assert {s.value for s in families["dryline_link_up"].samples} == {0.0}
        scans = [s.value for s in families["dryline_scans"].samples]
        eventually(lambda: _scans(port) > sum(scans))
        newer = ask(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert newer.content_type.startswith("application/openmetrics-text")
        assert newer.body.endswith("# EOF\n")
        assert ask(port, "/healthz") == (200, "text/plain; charset=utf-8", "alive\n")
        assert ask(port, "/").status == 404
        assert ask(port, "/metrics", "POST").status == 405
        assert ask(port, "/metrics", "HEAD").body == ""


def _scans(port: int) -> float:
    for family in text_string_to_metric_families(ask(port, "/metrics").body):
        if family.name == "dryline_scans":
            return sum(s.value for s in family.samples)
    return 0.0


def test_a_process_that_stands_still_does_not_say_that_it_is_alive(
    tmp_path: Path, port: int
) -> None:
    with Controller(tmp_path, "--metrics", f"127.0.0.1:{port}") as controller:
        eventually(lambda: is_ready(port))
        controller.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            ask(port, "/healthz")
        controller.process.send_signal(signal.SIGCONT)
        eventually(lambda: ask(port, "/healthz").status == 200)


def test_a_port_that_is_taken_never_stops_control(tmp_path: Path, port: int) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(socket.socket())
        other.bind(("127.0.0.1", port))
        other.listen()
        controller = stack.enter_context(Controller(tmp_path, "--metrics", f"127.0.0.1:{port}"))
        eventually(lambda: "controller runs" in controller.told.read_text())
        told = controller.told.read_text()
        assert f"metrics are not shown at 127.0.0.1:{port}: another program" in told
        assert controller.process.poll() is None
        other.close()
        eventually(lambda: is_ready(port))
        assert controller.told.read_text().count("metrics are not shown") == 1


def test_an_address_that_is_not_of_this_machine_is_told(tmp_path: Path) -> None:
    section = 'listen = "192.0.2.1:9464"\nopen_to_network = true'
    with Controller(tmp_path, section=section) as controller:
        eventually(lambda: "this machine has no such address" in controller.told.read_text())
        eventually(lambda: "controller runs" in controller.told.read_text())


def test_wrong_addresses_are_refused_before_anything_starts(tmp_path: Path) -> None:
    for k, (words, told) in enumerate([("plant", "ADDRESS:PORT"), ("0.0.0.0:1", "open_to")]):
        folder = tmp_path / str(k)
        folder.mkdir()
        with Controller(folder, "--metrics", words) as controller:
            assert controller.process.wait(ENOUGH_S) == 1
            assert told in controller.told.read_text()
            assert not controller.run.exists()


def test_the_section_of_the_line_counts_and_a_part_has_its_own_port(tmp_path: Path) -> None:
    first = free_ports(1)[0]
    section = f'listen = "127.0.0.1:{first}"\ntag_values = true'
    with Controller(tmp_path, "--station", "coater", section=section):
        coater = first + 1 + STATIONS.index("coater")
        eventually(lambda: is_ready(coater))
        page = ask(coater, "/metrics").body
        assert 'part="coater"' in page
        assert 'dryline_tag_quality{station="coater",tag="COAT.FEED.PV"}' in page
        neighbours = "dryline_neighbour_link_up"
        rows = [r for r in page.splitlines() if 'station="enclosure"' in r]
        assert [r for r in rows if not r.startswith(neighbours)] == []


def test_silent_clients_cost_seats_and_no_scans(tmp_path: Path, port: int) -> None:
    with Controller(tmp_path, "--metrics", f"127.0.0.1:{port}"):
        eventually(lambda: is_ready(port))
        with silent_clients(port, AT_ONCE):
            with pytest.raises((OSError, http.client.HTTPException)):
                ask(port, "/healthz")
            eventually(lambda: ask(port, "/healthz").status == 200)  # their time is over
        assert _scans(port) > 0.0


def test_scrapes_while_it_starts_and_ends_never_fail(tmp_path: Path, port: int) -> None:
    answers: list[int] = []
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            try:
                answers.append(ask(port, "/metrics").status)
            except (OSError, http.client.HTTPException):
                time.sleep(0.001)  # nobody listens, yet or any more

    with Controller(tmp_path, "--metrics", f"127.0.0.1:{port}") as controller:
        reader = threading.Thread(target=scrape)
        reader.start()
        try:
            eventually(lambda: is_ready(port))
            controller.process.terminate()
            assert controller.process.wait(ENOUGH_S) == 0
        finally:
            done.set()
            reader.join()
        assert set(answers) == {200}
        assert "Traceback" not in controller.told.read_text()
