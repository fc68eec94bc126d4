"""The wire to a server that takes line protocol at /api/v2/write.

The only file that knows influxdb-client. Whole strings are posted; the client's own batching is
not used, for it forgets what it cannot send.
"""

import gzip
import json
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.sinks.access import read_token
from controller.sinks.answers import NOT_ASKED, Answer, asked_wait_s
from controller.sinks.influx_settings import NEEDS_LIBRARY, Settings
from controller.sinks.line_protocol import body

try:
    import urllib3
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.rest import ApiException
    from influxdb_client.service.write_service import WriteService
except ImportError:  # the extra is not installed: told when the sink is to send something
    InfluxDBClient = None  # type: ignore[assignment, misc]

GZIP_LEVEL = 1  # a third of the time of the client's own compression, a little larger
MAX_REASON = 2000


class Sink:
    """One connection of one lane. One thread.

    folder: that of line.toml, from which the files in the settings are named.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._client: Any = None  # the library's calls have no types
        self._service: Any = None
        self._token = ""
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def post(self, lines: Sequence[str]) -> Answer:
        """Post lines; whatever happens is an answer."""
        if InfluxDBClient is None:
            return Answer(NOT_ASKED, NEEDS_LIBRARY)
        if self._client is None and (problem := self._connect()):
            return Answer(NOT_ASKED, problem)
        content = body(lines)
        encoding = {}
        if self._settings.gzip:
            content = gzip.compress(content, GZIP_LEVEL, mtime=0)
            encoding["content_encoding"] = "gzip"
        try:
            self._service.post_write(
                self._settings.org, self._settings.bucket, content, precision="ns", **encoding
            )
        except ApiException as error:
            return self._answer(error)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return Answer(0, self._shown(f"{type(error).__name__}: {error}"))
        return Answer(204)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self) -> str:
        """Make the client, which connects when it posts; what is wrong with its files, if it is."""
        settings = self._settings
        self._token, problem = read_token(settings.token_env, settings.token_file, self._folder)
        trusted = self._folder / settings.ca_file if settings.ca_file else None
        if not problem and trusted is not None:
            problem = _wrong_with(trusted)
        if problem:
            return problem
        self._client = InfluxDBClient(
            settings.url,
            self._token,
            timeout=round(1000 * settings.timeout_s),
            ssl_ca_cert=str(trusted) if trusted else None,
            retries=False,
            connection_pool_maxsize=1,
        )
        make_service: Any = WriteService
        self._service = make_service(self._client.api_client)
        return ""

    def _answer(self, error: "ApiException") -> Answer:
        headers: Any = error.headers or {}
        wait_s = asked_wait_s(headers.get("Retry-After", ""), headers.get("Date", ""))
        return Answer(int(error.status or 0), self._shown(_words(error)), wait_s)

    def _shown(self, reason: str) -> str:
        return (reason.replace(self._token, "***") if self._token else reason)[:MAX_REASON]


def _wrong_with(trusted: Path) -> str:
    """What keeps a file from being one of certificates; "" when nothing does."""
    try:
        ssl.create_default_context(cafile=trusted)
    except OSError as error:  # of which SSLError is one
        return f"no certificates: file {trusted}: {error.strerror or error}"
    return ""


def _words(error: "ApiException") -> str:
    """What the server says: JSON with `message`, in version 1 with `error`, or plain text."""
    told: Any = error.body or ""
    with suppress(ValueError, RecursionError):
        found = json.loads(told)
        if isinstance(found, dict):
            told = found.get("message") or found.get("error") or told
    return str(told or error.reason or "")
