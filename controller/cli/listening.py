"""Whether somebody listens where a process of the line is to be: nothing is said to them."""

import socket
from collections.abc import Callable

from controller.config import LineConfig
from controller.endpoint import endpoint_of

ANSWER_S = 0.5


def listens(host: str, port: int) -> bool:
    """Whether a connection to this address is taken now."""
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError:
        return False
    return True


def plcs_listen(config: LineConfig) -> Callable[[], bool]:
    """Whether every PLC of a line takes connections, as a question; each is asked until it did."""
    left = [endpoint_of(station.settings) for station in config.stations]

    def all_do() -> bool:
        while left:
            host, port, *_ = left[0] or ("", None)
            if isinstance(host, str) and isinstance(port, int) and not listens(host, port):
                return False
            left.pop(0)
        return True

    return all_do
