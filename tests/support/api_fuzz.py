"""Requests made up from the OpenAPI document of the API, sent to it without sockets.

To make up a request takes longer than to answer it, so each is sent by several people: what an
administrator may break must not break for a stranger either.
"""

import asyncio
import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import GenerationMode

from controller.access.roles import Role
from controller.access.script_tokens import FOR_TOKENS, Scope
from controller.api.repeats import KEY
from controller.run_store import STORE
from tests.support.access_rig import BOSS
from tests.support.api_rig import ORIGIN, ApiRig, api_rig
from tests.support.asked_history import write_history, write_runs

Found = TypeVar("Found")
RECIPES = Path(__file__).resolve().parents[2] / "recipes"
# What is true of the rig: nobody answers for a store that is not there, and it has no history of
# alarms; a 503 for these is an answer. 500 never is.
ALLOWED = frozenset({503, 504})
ENDS_SESSIONS = ("/session",)  # of whoever asks: then nobody would get further than 401
STAND_INS: Mapping[str, tuple[str, ...]] = {
    "station": ("coater", "enclosure"), "kind": ("coater", "enclosure"),
    "name": ("nmc-standard", "standard"), "version": ("1.0.0", "newest"), "run": ("run-03", "run"),
    "loop": ("ENC.L1", "COAT.L8"), "alarm": ("COAT.LOAD.hi", "ENC.DP.ZONE.hi"),
    "lot": ("L5", "OUT"), "user": ("sato",), "interlock": ("torque", "door 1 open"),
    "number": ("1", "2"),
}  # fmt: skip


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
    """An API with history, runs and recipes."""
    recipes = folder / "recipes"
    for path in RECIPES.glob("*/*/*.yaml"):
        copy = recipes / path.relative_to(RECIPES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with api_rig(folder, recipes=recipes) as line:
        run = line.parts.given.run
        write_history(run / "history.db")
        write_runs(run / STORE)
        loop = Loop()
        try:
            yield line, loop
        finally:
            loop.close()


class Hammer:
    """Made-up requests by several people. wrong: what should never have come."""

    def __init__(self, line: ApiRig, loop: Loop) -> None:
        self._line, self._loop = line, loop
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.calls = 0
        self._turn = itertools.count()
        self._people = self._admitted()

    def _admitted(self) -> dict[str, httpx.AsyncClient]:
        line = self._line
        everybody = line.person("everybody", *Role)
        line.access.user("sato", Role.OPERATOR)
        scope = Scope(label="fuzz", permissions=FOR_TOKENS)
        secret, _ = line.access.desk.make_token(BOSS, "everybody", scope)
        return {
            "everybody": everybody, "script": line.script(secret),
            "viewer": line.person("viewer", Role.VIEWER), "stranger": line.stranger(),
        }  # fmt: skip

    def again(self) -> None:
        """Everybody comes back, whatever became of his session."""
        self._people["everybody"] = self._line.login("everybody")
        self._people["viewer"] = self._line.login("viewer")

    def send(self, case: Any) -> None:
        """One made-up request, by everybody in turn."""
        number = next(self._turn)
        if number % 2:
            known = {k: STAND_INS[k][number % len(STAND_INS[k])] for k in case.path_parameters or {}
                     if k in STAND_INS}  # fmt: skip
            case.path_parameters = {**(case.path_parameters or {}), **known}
        for who, http in self._people.items():
            kwargs = case.as_transport_kwargs(base_url=ORIGIN)
            if case.path.endswith("/changes/{token}/execute") and number % 2 and who != "stranger":
                kwargs = self._loop.run(self._proposed(http, kwargs))
            answer = self._loop.run(_sent(http, kwargs))
            if answer is not None:
                self._look(answer, f"{who}: {case.method} {case.path}")

    async def _proposed(self, http: httpx.AsyncClient, kwargs: dict[str, Any]) -> dict[str, Any]:
        """With a proposal that is there to be executed."""
        wish = {"verb": "SET", "target": "COAT.V.LINE.SP", "value": 5.0}
        token = (await http.post("/stations/coater/changes", json=wish)).json().get("token", "x")
        seen = {"seen_t": self._line.now_ms}
        return {**kwargs, "url": f"{ORIGIN}/api/v1/changes/{token}/execute", "json": seen}

    def _look(self, answer: httpx.Response, what: str) -> None:
        self.calls += 1
        self.statuses[answer.status_code] += 1
        told = f"{what}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 500 and answer.status_code not in ALLOWED:
            self.wrong.append(told)
        if answer.status_code >= 400 and "code" not in answer.text and "/readyz" not in told:
            self.wrong.append(f"no code: {told}")
        if "Traceback" in answer.text:
            self.wrong.append(f"trace: {told}")


def hammer(line: ApiRig, loop: Loop, calls: int) -> Hammer:
    """At least so many calls in all, right and wrong ones."""
    schema = schemathesis.openapi.from_dict(line.app.state.document)
    operations = [
        operation
        for result in schema.get_all_operations()
        if not ((operation := result.ok()).method == "delete"
                and operation.path.endswith(ENDS_SESSIONS))
    ]  # fmt: skip
    found = Hammer(line, loop)
    seed = 0
    while found.calls < calls:
        each = max(1, (calls - found.calls) // (len(operations) * 2 * 4))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _ask(operation, mode, each, found, seed)
            found.again()
        seed += 1
    return found


def _ask(operation: Any, mode: Any, count: int, found: Hammer, seed: int) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        found.send(case)

    try:
        seeded(f"{operation.label}{mode}{seed}")(ask)()
    except schemathesis.errors.InvalidSchema:
        raise
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__ and "cannot be negated" not in str(error):
            raise


async def _sent(http: httpx.AsyncClient, kwargs: dict[str, Any]) -> httpx.Response | None:
    """None for what no HTTP client could send."""
    ours = ("cookie", "authorization")  # who asks is not made up
    headers = {
        str(k): _fresh(str(k), str(v)) for k, v in (kwargs.get("headers") or {}).items()
        if k.lower() not in ours
    }  # fmt: skip
    try:
        return await http.request(
            kwargs["method"], kwargs["url"], params=kwargs.get("params") or None, headers=headers,
            **({"json": kwargs["json"]} if "json" in kwargs else {}),
            **({"content": kwargs["data"]} if isinstance(kwargs.get("data"), bytes | str) else {}),
        )  # fmt: skip
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError, ValueError, TypeError):
        return None


def _fresh(name: str, value: str) -> str:
    """Made-up keys are often the same: then everything would be an answer that was given before."""
    is_key = name.lower() == "idempotency-key" and KEY.fullmatch(value)
    return uuid.uuid4().hex if is_key else value
