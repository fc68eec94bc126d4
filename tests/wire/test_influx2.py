"""A sink against a real InfluxDB 2.x that somebody runs: see tests/influx2.compose.yml.

    INFLUX2_URL=http://localhost:8086 INFLUX2_TOKEN=... python -m pytest tests/wire/test_influx2.py

INFLUX2_ORG and INFLUX2_BUCKET are "dryline" and "dryline-tests" if they are not given. The tests
leave some thousand points in the bucket, each under a line of its own.
"""

import os
import secrets

import pytest

from controller.sinks.influx_settings import Settings
from tests.support.read_back import Influx2
from tests.support.server_suite import ServerSuite
from tests.support.sink_plant import RealServer

ENVIRONMENT = os.environ
TOKEN = "INFLUX2_TOKEN"  # noqa: S105 - the name of the variable


@pytest.fixture
def real() -> RealServer:
    """The server with a line that only this test uses."""
    url, token = ENVIRONMENT.get("INFLUX2_URL", ""), ENVIRONMENT.get(TOKEN, "")
    assert url, "give the address of the server in INFLUX2_URL"
    assert token, f"give a token with the right to write and read the bucket in {TOKEN}"
    org = ENVIRONMENT.get("INFLUX2_ORG") or "dryline"
    bucket = ENVIRONMENT.get("INFLUX2_BUCKET") or "dryline-tests"
    settings = Settings.model_validate(
        {"kind": "influx", "url": url, "org": org, "bucket": bucket, "token_env": TOKEN}
    )
    line = f"line-{secrets.token_hex(6)}"
    return RealServer(settings, Influx2(url, token, org, bucket, line))


class TestInflux2(ServerSuite):
    """InfluxDB 2.x."""
