"""A real MQTT broker for tests: Debian's mosquitto, with a folder, a port and users of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support import debian
from tests.support.line_under_test import free_ports

READY_S = 60.0
POLL_S = 0.02
USER, PASSWORD = "dryline", "not a real password"
HOST_USER, HOST_PASSWORD = "host", "neither is this"
CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
log_dest file {folder}/broker.log
{user}
"""
FOR_HOST = f"user {HOST_USER}\ntopic readwrite #\n"
ACL = f"user {USER}\ntopic readwrite spBv1.0/#\n{FOR_HOST}"


class Mosquitto:
    """The broker. As a context it starts, and is killed at the end; its folder is yours.

    tls: file with its certificate and key, if it speaks TLS; acl: who may do what.
    """

    def __init__(self, folder: Path, *, tls: Path | None = None, acl: str = ACL) -> None:
        self.folder, self.tls = folder, tls
        (self.port,) = free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        text = CONFIG.format(port=self.port, folder=folder, user=_user_line())
        if tls is not None:
            text += f"certfile {tls}\nkeyfile {tls}\n"
        (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
        (folder / "acl").write_text(acl, encoding="utf-8")
        self.set_passwords({USER: PASSWORD, HOST_USER: HOST_PASSWORD})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """The users there are; before it starts."""
        path = self.folder / "passwords"
        text = "".join(f"{user}:{password}\n" for user, password in passwords.items())
        path.write_text(text, encoding="utf-8")
        debian.require("mosquitto")
        subprocess.run(
            [debian.require("mosquitto_passwd", "mosquitto"), "-U", path],
            check=True, capture_output=True,
        )  # fmt: skip

    def start(self) -> None:
        """Start, on the same port and files as before; returns when it listens."""
        command = [debian.require("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "out.log").open("ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        until_s = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"mosquitto does not listen:\n{self.log()[-2000:]}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """kill -9, also out of a pause; waits until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(READY_S)

    def stop(self) -> None:
        """SIGTERM: it saves what it has; waits until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(READY_S)

    def pause(self) -> None:
        """It hangs: connections open, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """What it has written."""
        paths = (self.folder / "broker.log", self.folder / "out.log")
        return "".join(p.read_text(errors="replace") for p in paths if p.exists())

    def words(self) -> list[str]:
        """How Debian's clients reach it, as a host."""
        found = ["-h", "127.0.0.1", "-p", str(self.port), "-V", "311"]
        return [*found, "-u", HOST_USER, "-P", HOST_PASSWORD]

    def publish(self, topic: str, content: bytes, options: Sequence[str] = ()) -> None:
        """Publish something as a host does."""
        command = [debian.require("mosquitto_pub", "mosquitto-clients"), *self.words()]
        subprocess.run(
            [*command, "-t", topic, "-s", *options], input=content, check=True, timeout=READY_S
        )

    def _answers(self) -> bool:
        """Whether somebody listens: asked without a connection, of which the log would tell."""
        state = Path("/proc/net/tcp").read_text(encoding="ascii")
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in state


def _user_line() -> str:
    """Started by root it would become another user, who cannot read the folder of a test."""
    return "user root" if os.geteuid() == 0 else ""
