"""The wire to a server that takes line protocol at /api/v2/write.

The only file that knows influxdb-client. Whole strings are posted; the client's own batching is
not used, for it forgets what it cannot send.
"""

import gzip
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from controller.sinks.access import read_token
from controller.sinks.answers import Answer, asked_wait_s
from controller.sinks.influx_settings import Settings
from controller.sinks.line_protocol import body

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
        if self._client is None and (problem := self._connect()):
            return Answer(401, problem)
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
        """Make the client, which connects when it posts; what is wrong with the token, if it is."""
        settings = self._settings
        self._token, problem = read_token(settings.token_env, settings.token_file, self._folder)
        if problem:
            return problem
        self._client = InfluxDBClient(
            settings.url,
            self._token,
            timeout=round(1000 * settings.timeout_s),
            ssl_ca_cert=str(self._folder / settings.ca_file) if settings.ca_file else None,
            retries=False,
            connection_pool_maxsize=1,
        )
        make_service: Any = WriteService
        self._service = make_service(self._client.api_client)
        return ""

    def _answer(self, error: ApiException) -> Answer:
        headers: Any = error.headers or {}
        wait_s = asked_wait_s(headers.get("Retry-After", ""), headers.get("Date", ""))
        reason = str(error.message or error.body or error.reason or "")
        return Answer(int(error.status or 0), self._shown(reason), wait_s)

    def _shown(self, reason: str) -> str:
        return (reason.replace(self._token, "***") if self._token else reason)[:MAX_REASON]
