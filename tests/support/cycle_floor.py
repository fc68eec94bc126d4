"""The thinnest loop there is: python -m tests.support.cycle_floor PORT PRIORITY

Every 100 ms it reads the words of a Modbus PLC of `tests.support.cycle_line` and writes its
outputs, by two blocking calls of the system, and does nothing else: what the machine itself does to
a cycle.
"""

import gc
import socket
import struct
import sys
import time

from controller.real_time import ask_for

PERIOD_S = 0.1
HEART, SEQ, PV1 = 0, 5, 10
_READ = struct.Struct(">HHHBBHH")
_WRITE = struct.Struct(">HHHBBHHB8H")
_ANSWER = 9 + 2 * 14


def _exactly(s: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = s.recv(size - len(found))
        if not piece:
            raise ConnectionError("the PLC has closed the connection")
        found += piece
    return found


def run(port: int) -> None:
    """For ever."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due_s = time.monotonic()
        while True:
            due_s += PERIOD_S
            time.sleep(max(0.0, due_s - time.monotonic()))
            s.sendall(_READ.pack(1, 0, 6, 1, 3, 0, 14))
            words = struct.unpack(">14H", _exactly(s, _ANSWER)[9:])
            ticket = ((words[SEQ] + 1) & 0xFFFF, words[HEART])
            pvs = words[PV1 : PV1 + 4]
            s.sendall(_WRITE.pack(2, 0, 23, 1, 16, 40, 8, 16, *ticket, 3, 0, *pvs))
            answer = _exactly(s, 9)
            if answer[7] == 16:
                _exactly(s, 3)  # else it is complete, and says that the ticket came too late


def main() -> None:
    """The loop of the command line."""
    port, priority = sys.argv[1:]
    gc.disable()
    ask_for(int(priority))
    run(int(port))


if __name__ == "__main__":
    main()
