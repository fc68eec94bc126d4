"""Who may use which route, found out from the running router: default deny, no route forgotten."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route, WebSocketRoute

from controller.access.demands import DEMANDS
from controller.access.roles import TABLE, Permission, Role
from controller.access.script_tokens import Scope
from controller.api.app import PREFIX, create_app
from controller.api.declared import MARK, Anybody, Declared, Routes
from controller.api.guarded import GuardedRoute
from tests.support.access_rig import BOSS
from tests.support.api_rig import ApiRig, api_rig

OPEN = {
    ("POST", "/api/v1/session"), ("GET", "/api/v1/setup"), ("POST", "/api/v1/setup"),
    ("POST", "/api/v1/session/reset"),
    ("GET", "/api/v1/health/ready"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
}  # fmt: skip
STAND_INS = {"station": "coater", "limit": "1", "number": "1", "kind": "coater"}


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with api_rig(tmp_path_factory.mktemp("matrix")) as found:
        yield found


def routes(app: FastAPI) -> Iterator[tuple[str, str, Declared]]:
    for route in app.router.routes:
        if isinstance(route, APIRoute):
            declared = getattr(route.endpoint, MARK)
            for method in route.methods:
                yield method, route.path, declared


def concrete(path: str) -> str:
    parts = [STAND_INS.get(p[1:-1], "x1") if p[:1] == "{" else p for p in path.split("/")]
    return "/".join(parts)


async def denied(http, method: str, path: str) -> bool:
    """It was refused for who asks, not for what was asked."""
    url = f"{http.base_url.scheme}://{http.base_url.host}:{http.base_url.port}{concrete(path)}"
    answer = await http.request(method, url, json=None if method == "GET" else {})
    code = answer.json().get("code") if "json" in answer.headers.get("content-type", "") else ""
    return answer.status_code in (401, 403) and code in ("session", "forbidden", "token")


def test_there_is_nothing_but_declared_routes_and_the_live_socket(line: ApiRig):
    for route in line.app.router.routes:
        if isinstance(route, WebSocketRoute):
            assert route.path == f"{PREFIX}/live"
            continue
        assert isinstance(route, GuardedRoute), route
        assert isinstance(getattr(route.endpoint, MARK), Declared)
    assert not [r for r in line.app.router.routes if type(r) is Route]


def test_a_route_without_a_declaration_is_not_built(line: ApiRig):
    async def forgotten() -> None:
        """Nobody said who may use it."""

    group = Routes("forgotten")
    declared = Declared(method="GET", path="/x", needs=Anybody.OPEN, group="x", words="")
    group.all.append((declared, forgotten))
    with pytest.raises(AttributeError, match=MARK):
        create_app(line.parts, [group])


def test_what_everybody_may_use_is_a_short_list(line: ApiRig):
    found = {(m, p) for m, p, d in routes(line.app) if d.needs is Anybody.OPEN}
    assert found == OPEN


def test_every_change_has_a_key_or_a_reason_to_have_none(line: ApiRig):
    without = {p for _, p, d in routes(line.app) if d.changes and not d.repeats}
    assert without == {
        "/api/v1/session", "/api/v1/session/reauth", "/api/v1/session/password", "/api/v1/setup",
        "/api/v1/session/factor", "/api/v1/recipes/{kind}/{name}/{version}/validate",
        "/api/v1/tokens", "/api/v1/session/reset", "/api/v1/users/{user}/reset",
    }  # fmt: skip


def test_a_proposal_is_kept_no_longer_than_the_process_that_knows_it(line: ApiRig):
    proposing = {
        p for _, p, d in routes(line.app)
        if d.changes and d.answers
        and "token" in d.answers["content"]["application/json"]["example"]
    }  # fmt: skip
    passing = {p for _, p, d in routes(line.app) if d.passing}
    assert passing - proposing == {"/api/v1/changes/{token}", "/api/v1/rehearsals"}
    assert proposing <= passing


def test_what_asks_for_a_password_has_a_ticket_or_a_signature(line: ApiRig):
    signed = {"release", "deploy", "rollback", "begin_trial"}
    for _, path, declared in routes(line.app):
        acts = [act for act in declared.acts if DEMANDS[act].password]
        if declared.changes and acts and not declared.ticket:
            names = {r.endpoint.__name__ for r in line.app.router.routes if r.path == path}
            assert names & signed, path


@pytest.mark.parametrize("role", [*Role, None])
async def test_every_route_for_every_role(line: ApiRig, role):
    http = line.stranger() if role is None else line.person(f"the-{role}", role)
    may = TABLE[role] if role else frozenset()
    wrong = []
    for method, path, declared in routes(line.app):
        if path.endswith("/session") and method == "DELETE":
            continue
        if declared.needs is Anybody.OPEN:
            allowed = path != "/metrics" or role is not None  # the asker is on another machine
        elif declared.needs is Anybody.KNOWN:
            allowed = role is not None
        else:
            allowed = bool(declared.permissions & may)
        refused = await denied(http, method, path)
        if refused is allowed and not (allowed and path == f"{PREFIX}/audit/export"):
            wrong.append((method, path, declared.needs))
    assert wrong == []


async def test_no_ticket_no_change_on_any_route_that_asks_for_the_password(line: ApiRig):
    http = line.person("the-chief-of-all", *Role)
    open_ones = []
    asking = [(m, p) for m, p, d in routes(line.app) if d.ticket]
    for method, path in asking:
        answer = await http.request(method, concrete(path).removeprefix(PREFIX), json={})
        if (answer.status_code, answer.json().get("code")) != (403, "ticket"):
            open_ones.append((method, path, answer.text))
    assert open_ones == []
    assert {("POST", f"{PREFIX}/tokens"), ("POST", f"{PREFIX}/users")} <= set(asking)


async def test_a_token_has_nothing_but_what_it_was_made_for(line: ApiRig):
    line.access.user("robot", Role.ENGINEER)
    scope = Scope(label="x", permissions=frozenset({Permission.VIEW}))
    http = line.script(line.access.desk.make_token(BOSS, "robot", scope)[0])
    for method, path, declared in routes(line.app):
        if isinstance(declared.needs, Anybody):
            continue
        allowed = Permission.VIEW in declared.permissions
        assert await denied(http, method, path) is not allowed, path


async def test_the_number_of_looks(line: ApiRig, capsys):
    """How many there were, for the record."""
    count = sum(1 for _ in routes(line.app))
    with capsys.disabled():
        print(f"\n{count} routes x {len(Role) + 1} roles")
    assert count > 70
