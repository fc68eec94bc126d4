"""Whether somebody listens: the PLCs of a line, each asked until it did."""

import socket

from controller.cli.listening import listens, plcs_listen
from controller.config import load_line
from tests.support.line_under_test import STATIONS, free_ports, line_folder


def listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_an_address_is_taken_or_not() -> None:
    (port,) = free_ports(1)
    assert not listens("127.0.0.1", port)
    with listening(port):
        assert listens("127.0.0.1", port)


def test_all_plcs_have_to_listen_and_none_is_asked_again(tmp_path) -> None:
    ports = free_ports(len(STATIONS))
    config = load_line(line_folder(tmp_path / "line", dict(zip(STATIONS, ports, strict=True))))
    question = plcs_listen(config)
    assert not question()
    for port in ports[:-1]:
        with listening(port):
            assert not question()  # the last one was never there
    still = [listening(port) for port in ports]
    assert question()
    for one in still:
        one.close()
    assert question()
