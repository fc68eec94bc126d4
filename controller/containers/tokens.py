"""Tokens of InfluxDB 2 that can do one thing: write one bucket, read one bucket.

The database chooses them. Made by its HTTP interface with the token of its administrator, which no
service but the database gets to see.
"""

import http.client
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from controller.containers.secret_files import (
    INFLUX_TOKEN,
    READ_TOKEN,
    WRITE_TOKEN,
    Secret,
    read_secret,
    write_secret,
)
from controller.core.errors import DrylineError

WANTED: tuple[tuple[Secret, str, str], ...] = (
    (WRITE_TOKEN, "write", "the controller of Dryline"),
    (READ_TOKEN, "read", "Grafana"),
)
TRIES = 60
PAUSE_S = 1.0
TIMEOUT_S = 10.0


class Bucket(NamedTuple):
    """A bucket by the numbers that the database gave it."""

    id: str
    organization: str


class Database:
    """The HTTP interface, as far as it is needed here."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise DrylineError(f"{url}: must begin with http:// and name a server")
        self._host, self._port = parts.hostname, parts.port or 80
        self._token = token

    def bucket(self, organization: str, name: str) -> Bucket:
        """The bucket of that name."""
        path = f"/api/v2/buckets?org={quote(organization)}&name={quote(name)}"
        found = self._ask("GET", path, self._token)
        for row in found.get("buckets", []):
            return Bucket(str(row["id"]), str(row["orgID"]))
        raise DrylineError(f"the database has no bucket {name!r} of organization {organization!r}")

    def knows(self, token: str) -> bool:
        """Whether a token is one of this database."""
        status, _ = self._send("GET", "/api/v2/buckets?limit=1", token, None)
        return status != http.client.UNAUTHORIZED

    def new_token(self, bucket: Bucket, action: str, description: str) -> str:
        """A token for one action on one bucket."""
        resource = {"type": "buckets", "id": bucket.id, "orgID": bucket.organization}
        wanted = {
            "orgID": bucket.organization,
            "description": description,
            "permissions": [{"action": action, "resource": resource}],
        }
        return str(self._ask("POST", "/api/v2/authorizations", self._token, wanted)["token"])

    def _ask(
        self, method: str, path: str, token: str, content: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        status, body = self._send(method, path, token, content)
        if status == http.client.UNAUTHORIZED:
            raise DrylineError(
                "the database does not know its administrator's token: the volumes of the secrets "
                "and of the database belong together, keep both or remove both"
            )
        if not http.client.OK <= status < http.client.MULTIPLE_CHOICES:
            raise DrylineError(f"{method} {path.partition('?')[0]}: the database answers {status}")
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DrylineError(f"{method} {path.partition('?')[0]}: the answer is no JSON object")
        return found

    def _send(
        self, method: str, path: str, token: str, content: Mapping[str, object] | None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        try:
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def make_tokens(
    folder: Path, url: str, organization: str, bucket: str, *, tries: int = TRIES
) -> list[str]:
    """Make the tokens that are missing or that the database does not know; their names."""
    admin = read_secret(folder, INFLUX_TOKEN)
    if not admin:
        raise DrylineError(f"{folder / INFLUX_TOKEN.name} is missing: make the secrets first")
    database = Database(url, admin)
    found = _patiently(database, organization, bucket, tries)
    made = []
    for secret, action, reader in WANTED:
        token = read_secret(folder, secret)
        if token and database.knows(token):
            continue
        description = f"{action} {bucket}: {reader}"
        write_secret(folder, secret, database.new_token(found, action, description))
        made.append(secret.name)
    return made


def _patiently(database: Database, organization: str, bucket: str, tries: int) -> Bucket:
    """The bucket, of a database that may need a while to answer."""
    pause = threading.Event()
    for left in reversed(range(tries)):
        try:
            return database.bucket(organization, bucket)
        except (OSError, http.client.HTTPException) as error:
            if not left:
                raise DrylineError(f"the database does not answer: {error}") from error
            pause.wait(PAUSE_S)
    raise DrylineError("the database was not asked")
