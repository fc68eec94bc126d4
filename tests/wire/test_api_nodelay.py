"""Answers of the API leave at once: its accepted connections do not wait for acknowledgements."""

import asyncio
import socket

import pytest

from controller.access.certificate import Certificate, generated
from controller.api.outer import Receive, Scope, Send
from controller.api.serving import Listener, network_socket
from controller.metrics.settings import Address

ENOUGH_S = 10.0


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that is never asked anything here."""


async def accepted_option(host: str, certificate: Certificate | None) -> int:
    """TCP_NODELAY of the connection as the server accepted it, read from its own socket."""
    listening = network_socket(Address(host, 0))
    listener = Listener(silent, listening, certificate)
    serving = asyncio.ensure_future(listener.serve())
    client = socket.create_connection((host, listener.port), ENOUGH_S)
    try:
        for _ in range(int(ENOUGH_S / 0.01)):
            if accepted := accepted_by(client, listening):
                return accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await asyncio.sleep(0.01)
        raise AssertionError("the connection was not accepted")
    finally:
        client.close()
        listener.end()
        await serving


def accepted_by(client: socket.socket, listening: socket.socket) -> socket.socket | None:
    """The other end of a connection, which this process has accepted."""
    loop = asyncio.get_running_loop()
    for key in list(loop._selector.get_map().values()):
        transport = getattr(loop, "_transports", {}).get(key.fd)
        found = transport and transport.get_extra_info("socket")
        if found and found is not listening and found.getpeername() == client.getsockname():
            return found._sock
    return None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_accepted_connection_sends_at_once(tmp_path, host, tls):
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    certificate = generated(tmp_path, ["localhost"], 1_767_225_600.0) if tls else None
    assert await accepted_option(host, certificate) == 1
