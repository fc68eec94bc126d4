"""Secrets and tokens of the containers: made once, for one reader each, never shown."""

import json
import os
import re
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from controller.containers import secret_files, tokens
from controller.containers.__main__ import main
from controller.containers.secret_files import Secret, make_secrets, read_secret, write_secret
from controller.containers.tokens import make_tokens
from controller.core.errors import DrylineError

MINE = os.getgid()
NAMES = ["influx-admin-password", "influx-admin-token", "grafana-admin-password"]


@pytest.fixture(autouse=True)
def groups_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are given to the one group that everybody belongs to."""
    for name in ("INFLUX_PASSWORD", "INFLUX_TOKEN", "GRAFANA_PASSWORD", "READ_TOKEN",
                 "WRITE_TOKEN"):  # fmt: skip
        own = getattr(secret_files, name)._replace(group=MINE)
        monkeypatch.setattr(secret_files, name, own)
        if hasattr(tokens, name):
            monkeypatch.setattr(tokens, name, own)
    wanted = tuple((s._replace(group=MINE), action, reader) for s, action, reader in tokens.WANTED)
    monkeypatch.setattr(tokens, "WANTED", wanted)


def wanted() -> list[Secret]:
    return [Secret(name, MINE) for name in NAMES]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


# -- secrets -------------------------------------------------------------------------------------


def test_secrets_are_random_and_differ(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        assert make_secrets(folder, wanted()) == NAMES
    values = [*contents(first).values(), *contents(second).values()]
    assert len(set(values)) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values)


def test_secrets_stay_as_they_are(tmp_path: Path) -> None:
    make_secrets(tmp_path, wanted())
    before = contents(tmp_path)
    assert make_secrets(tmp_path, wanted()) == []
    assert contents(tmp_path) == before
    assert sorted(before) == sorted(NAMES)


def test_only_owner_and_group_may_read(tmp_path: Path) -> None:
    make_secrets(tmp_path, wanted())
    for path in tmp_path.iterdir():
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o440
        assert found.st_gid == MINE


def test_wider_rights_are_taken_back(tmp_path: Path) -> None:
    make_secrets(tmp_path, wanted())
    path = tmp_path / NAMES[0]
    path.chmod(0o666)
    make_secrets(tmp_path, wanted())
    assert stat.S_IMODE(path.stat().st_mode) == 0o440


@pytest.mark.parametrize("left", ["empty", "half"])
def test_what_a_crash_left_behind_is_made_again(tmp_path: Path, left: str) -> None:
    if left == "empty":
        (tmp_path / NAMES[0]).touch()
    else:
        (tmp_path / f"{NAMES[0]}.part").write_text("abc")
    assert NAMES[0] in make_secrets(tmp_path, wanted())
    assert len(read_secret(tmp_path, Secret(NAMES[0], MINE))) == 64
    assert sorted(contents(tmp_path)) == sorted(NAMES)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / f".{NAMES[0]}").symlink_to(target)
    make_secrets(folder, wanted())
    assert not target.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DrylineError, match="cannot be written"):
        make_secrets(tmp_path / "missing", wanted())


def test_a_group_that_is_not_ours_is_told() -> None:
    """As somebody without rights: root may give files to any group."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)

        def refused() -> None:
            with pytest.raises(DrylineError, match="must own it and belong to that group"):
                write_secret(Path(place), Secret("x", 10011), "text")

        if os.getuid() == 0:
            assert _as(65534, [65534], refused)
        else:
            refused()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_only_the_reader_of_a_secret_may_read_it() -> None:
    """With the numbers of docker-compose.yml, in processes without rights."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "secrets"
        folder.mkdir(mode=0o755)
        os.chown(folder, 10002, 10002)
        numbered = [Secret(n, g) for n, g in zip(NAMES, (10011, 10011, 10012), strict=True)]
        assert _as(10002, [10011, 10012, 10013], lambda: make_secrets(folder, numbered))
        owners = {p.name: (p.stat().st_uid, p.stat().st_gid) for p in folder.iterdir()}
        assert owners == {secret.name: (10002, secret.group) for secret in numbered}
        for secret in numbered:
            for user, group in ((1000, 10011), (472, 10012), (10001, 10013)):
                may = _as(user, [group], (folder / secret.name).read_bytes)
                assert may is (group == secret.group), (secret.name, user)
                assert not _as(user, [group], (folder / secret.name).unlink)


def _as(user: int, groups: list[int], work: Callable[[], object]) -> bool:
    """Whether a process of that user, who is in these groups, can do it."""
    child = os.fork()
    if not child:
        code = 2
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            work()
            code = 0
        except (OSError, DrylineError):
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


def test_the_command_tells_names_and_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "controller.containers.__main__.make_secrets", lambda folder: make_secrets(folder, wanted())
    )
    assert main(["secrets", str(tmp_path)]) == 0
    assert main(["secrets", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told == f"made {', '.join(NAMES)}\neverything is there\n"
    assert main(["secrets", str(tmp_path / "missing")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# -- tokens --------------------------------------------------------------------------------------


class Database(ThreadingHTTPServer):
    """What InfluxDB 2 answers, as far as tokens need it, by its documents."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.admin = "f" * 64
        self.known: dict[str, dict[str, Any]] = {}
        self.buckets = [{"id": "b1", "orgID": "o1", "name": "line"}]
        self.failures = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Database

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _token(self) -> str:
        return str(self.headers["Authorization"]).removeprefix("Token ")

    def do_GET(self) -> None:
        if self.server.failures:
            self.server.failures -= 1
            self.connection.close()
        elif self._token() not in (self.server.admin, *self.server.known):
            self._answer(401, {"code": "unauthorized"})
        else:
            self._answer(200, {"buckets": self.server.buckets})

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._token() != self.server.admin:
            self._answer(401, {})
            return
        token = f"token{len(self.server.known)}=="
        self.server.known[token] = wanted
        self._answer(201, {"token": token, **wanted})

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, database: Database) -> Path:
    write_secret(tmp_path, Secret("influx-admin-token", MINE), database.admin)
    return tmp_path


def make(folder: Path, database: Database, tries: int = 1) -> list[str]:
    return make_tokens(folder, database.url, "dryline", "line", tries=tries)


def test_tokens_can_do_one_thing_with_one_bucket(folder: Path, database: Database) -> None:
    assert make(folder, database) == ["influx-write-token", "influx-read-token"]
    for name, action in (("influx-write-token", "write"), ("influx-read-token", "read")):
        wanted = database.known[(folder / name).read_text()]
        resource = {"type": "buckets", "id": "b1", "orgID": "o1"}
        assert wanted["permissions"] == [{"action": action, "resource": resource}]
        assert wanted["orgID"] == "o1"
        assert wanted["description"].startswith(f"{action} line")
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o440


def test_tokens_stay_as_they_are(folder: Path, database: Database) -> None:
    make(folder, database)
    before = contents(folder)
    assert make(folder, database) == []
    assert contents(folder) == before
    assert len(database.known) == 2


def test_tokens_that_the_database_has_forgotten_are_made_again(
    folder: Path, database: Database
) -> None:
    make(folder, database)
    lost = (folder / "influx-read-token").read_text()
    del database.known[lost]
    assert make(folder, database) == ["influx-read-token"]
    assert (folder / "influx-read-token").read_text() in database.known


def test_a_database_that_is_not_there_yet_is_waited_for(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "PAUSE_S", 0.0)
    database.failures = 3
    assert len(make(folder, database, tries=10)) == 2
    database.failures = 100
    with pytest.raises(DrylineError, match="does not answer"):
        make(folder, database, tries=3)


def test_what_is_wrong_is_told(folder: Path, database: Database) -> None:
    database.admin = "another"
    with pytest.raises(DrylineError, match="belong together"):
        make(folder, database)
    database.admin = "f" * 64
    database.buckets = []
    with pytest.raises(DrylineError, match="no bucket 'line'"):
        make(folder, database)
    with pytest.raises(DrylineError, match="must begin with http"):
        make_tokens(folder, "ftp://x", "dryline", "line")
    (folder / "influx-admin-token").unlink()
    with pytest.raises(DrylineError, match="make the secrets first"):
        make(folder, database)


def test_no_token_is_shown(
    folder: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tokens", str(folder), database.url, "--org", "dryline", "--bucket", "line"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "influx-read-token" in told
    assert not any(value in told for value in contents(folder).values())
