"""The page that holds the place of the operator screens."""

import ast
import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from hmi.__main__ import AT_ONCE, HEADERS, Screens, address, main, pages
from tests.support.documents import ROOT


@pytest.fixture
def server() -> Iterator[Screens]:
    with Screens("127.0.0.1", 0, pages()) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(server: Screens, path: str, method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    response.begin()
    return response


class Parts(HTMLParser):
    """Elements and the addresses they name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.addresses += [v or "" for k, v in attributes if k in ("href", "src", "action")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", ["/", "/style.css", "/healthz", "/?a=b", "/nothing", "/../etc"])
def test_every_answer_carries_the_headers(server: Screens, path: str) -> None:
    response = ask(server, path)
    assert response.status == (404 if path in ("/nothing", "/../etc") else 200)
    for name, value in HEADERS.items():
        assert response.getheader(name) == value
    body = response.read()
    assert response.getheader("Content-Length") == str(len(body))
    response.close()


def test_nothing_but_reading_is_possible(server: Screens) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = ask(server, "/", method)
        assert response.status == 501
        response.close()
    response = ask(server, "/", "HEAD")
    assert (response.status, response.read()) == (200, b"")
    response.close()


def test_page_says_that_there_are_no_screens_yet(server: Screens) -> None:
    response = ask(server, "/")
    text = response.read().decode()
    response.close()
    assert "no operator screens yet" in text
    assert "dryline status" in text
    parts = Parts()
    parts.feed(text)
    assert parts.open == []
    assert {"h1", "title"} <= set(parts.elements)
    assert not {"script", "form", "iframe", "img"} & set(parts.elements)
    assert set(parts.addresses) <= set(pages())
    assert " style=" not in text


def test_page_loads_nothing_from_elsewhere() -> None:
    for page in pages().values():
        assert not re.search(rb"https?:|//|@import|url\(", page.body)


def is_served(server: Screens) -> bool:
    try:
        ask(server, "/healthz").close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def test_more_clients_than_seats_are_turned_away(server: Screens) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(AT_ONCE)]
    try:
        deadline = time.monotonic() + 5.0
        while is_served(server):  # all of them sit down before one is too many
            assert time.monotonic() < deadline
    finally:
        for one in silent:
            one.close()


@pytest.mark.parametrize(
    ("text", "found"), [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0))]
)
def test_address_is_understood(text: str, found: tuple[str, int]) -> None:
    assert address(text) == found


@pytest.mark.parametrize("text", ["8080", ":8080", "127.0.0.1:", "127.0.0.1:70000", "a:b"])
def test_what_is_no_address_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--listen", text])
    assert "ADDRESS:PORT" in capsys.readouterr().err


def test_it_is_for_this_machine_only_unless_told() -> None:
    source = (ROOT / "hmi/__main__.py").read_text(encoding="utf-8")
    assert 'default="127.0.0.1:8080"' in source


def test_a_port_that_is_taken_is_told(server: Screens) -> None:
    assert main(["--listen", f"127.0.0.1:{server.server_port}"]) == 1


def test_it_ends_when_it_is_told_to() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "hmi", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert b"page at" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10.0) == 0


def test_it_needs_only_pythons_own_library() -> None:
    for path in (ROOT / "hmi").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names | {"hmi"}, name
