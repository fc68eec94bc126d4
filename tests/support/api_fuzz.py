"""Requests made up from the OpenAPI document of the API, sent to it without sockets."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from controller.access.roles import Role
from controller.run_store import STORE
from tests.support.api_rig import ORIGIN, ApiRig, api_rig
from tests.support.asked_history import write_history, write_runs

Found = TypeVar("Found")
# What is true of the rig: nobody answers for a store that is not there, and it has no history of
# alarms; a 503 for these is an answer. 500 never is.
ALLOWED = frozenset({503, 504})


class Loop:
    """An event loop in a thread: made-up requests come from plain functions."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@contextmanager
def fuzzed(folder: Path) -> Iterator[tuple[ApiRig, Loop]]:
    """An API with history and runs."""
    with api_rig(folder) as line:
        run = line.parts.given.run
        write_history(run / "history.db")
        write_runs(run / STORE)
        loop = Loop()
        try:
            yield line, loop
        finally:
            loop.close()


def hammer(line: ApiRig, loop: Loop, calls: int) -> tuple[Counter[int], list[str]]:
    """So many calls in all, right and wrong ones; statuses, and what should never have come."""
    document = line.app.state.document
    schema = schemathesis.openapi.from_dict(document)
    everybody = line.person("everybody", *Role)
    operations = [result.ok() for result in schema.get_all_operations()]
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    each = max(1, -(-calls * 6 // (10 * len(operations))))  # some make fewer than they may

    def send(case: Any) -> None:
        kwargs = case.as_transport_kwargs(base_url=ORIGIN)
        answer = loop.run(_sent(everybody, kwargs))
        if answer is None:
            return
        statuses[answer.status_code] += 1
        told = f"{case.method} {case.path}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 500 and answer.status_code not in ALLOWED:
            wrong.append(told)
        if answer.status_code >= 400 and "code" not in answer.text and "/readyz" not in told:
            wrong.append(f"no code: {told}")
        if "Traceback" in answer.text:
            wrong.append(f"trace: {told}")

    for operation in operations:
        if operation.path.endswith("/session") and operation.method == "delete":
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _ask(operation, mode, each, send)
    return statuses, wrong


def _ask(operation: Any, mode: Any, count: int, send: Any) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        send(case)

    try:
        ask()
    except schemathesis.errors.InvalidSchema:
        raise
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__ and "cannot be negated" not in str(error):
            raise


async def _sent(http: httpx.AsyncClient, kwargs: dict[str, Any]) -> httpx.Response | None:
    """None for what no HTTP client could send."""
    ours = ("cookie", "authorization")  # who asks is not made up
    headers = {k: v for k, v in (kwargs.get("headers") or {}).items() if k.lower() not in ours}
    try:
        return await http.request(
            kwargs["method"], kwargs["url"], params=kwargs.get("params") or None,
            headers={str(k): str(v) for k, v in headers.items()},
            **({"json": kwargs["json"]} if "json" in kwargs else {}),
            **({"content": kwargs["data"]} if isinstance(kwargs.get("data"), bytes | str) else {}),
        )  # fmt: skip
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError, ValueError, TypeError):
        return None
