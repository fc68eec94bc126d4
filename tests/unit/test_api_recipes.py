"""Recipes and deployments over HTTP: drafts, release with a signature, deploying, conflicts."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from controller.access.identity import Actor
from controller.access.ledger_witness import LedgerWitness
from controller.access.roles import Role
from controller.access.signature import Proof, sign_at_terminal
from controller.api.rehearsal_files import Job, JobState, Wanted
from controller.api.repeat_journal import FILE as REQUESTS
from controller.audit.record import Category
from tests.support.access_rig import BOSS, GOOD, NONE
from tests.support.api_rig import ApiRig, api_rig
from tests.support.line_under_test import ROOT

NAME = "nmc-standard"
RECIPE = f"/recipes/coater/{NAME}"
YAML = {"content-type": "application/yaml"}


@pytest.fixture
def line(tmp_path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    with api_rig(tmp_path) as found:
        release_all(found)
        yield found


def release_all(line: ApiRig) -> None:
    """By an approver who signs, with authors who are users."""
    access, store = line.access, line.parts.given.recipes
    for name, shown in (("ben", "Ben Okafor"), ("chiara", "Chiara Rossi")):
        access.desk.add(BOSS, name, [Role.ENGINEER], GOOD, shown)
    access.user("grace", Role.APPROVER)
    for listed in store.every("coater"):
        access.clock.pass_s(61)
        store.release(listed.id, "grace", "good", override="a test", witness=signing(line))


def signing(line: ApiRig, name: str = "grace") -> LedgerWitness:
    access = line.access
    proof = Proof(name=name, password=GOOD, code=NONE)
    signs = partial(sign_at_terminal, access.door, access.trail, access.clock, proof)
    by = Actor(name, "terminal")
    return LedgerWitness(trail=access.trail, by=by, users=access.desk.users(), signing=signs)


@pytest.fixture
def eva(line):
    return line.person("eva", Role.ENGINEER)


@pytest.fixture
def boss(line):
    return line.person("boss", Role.APPROVER)


async def newest(http) -> dict:
    return (await http.get(f"{RECIPE}/newest")).json()


async def draft(http, version: str = "9.0.0") -> dict:
    body = {"base": NAME, "version": version, "reason": "try it"}
    answer = await http.post(f"{RECIPE}/versions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_library_is_listed_and_shown(line, eva):
    listed = (await eva.get("/recipes", params={"kind": "coater"})).json()["recipes"]
    assert {r["kind"] for r in listed} == {"coater"}
    shown = await newest(eva)
    assert shown["status"] == "released"
    assert shown["text"].startswith("#") or "name:" in shown["text"]
    assert (await eva.get("/recipes/coater/schema")).json()["type"] == "object"
    assert (await eva.get("/recipes", params={"kind": "nothing"})).status_code == 404
    assert (await eva.get("/recipes/coater/nothing/1.0.0")).status_code == 404


async def test_a_version_tells_what_each_parameter_may_be(line, eva):
    shown = await newest(eva)
    of = {p["parameter"]: p for p in shown["parameters"]}
    assert set(shown["formula"]) <= set(of)
    speed = of["line_speed"]
    assert (speed["text"], speed["unit"], speed["low"], speed["high"]) == (
        "line speed", "m/min", 0.5, 20.0
    )  # fmt: skip
    assert (speed["proven"], speed["interlock"]) == (None, "")
    assert "trips" in of["mixer_temperature"]["interlock"]


async def test_two_versions_are_compared_in_process_words(line, eva):
    await draft(eva)
    found = await eva.get("/recipes/coater/diff", params={"old": NAME, "new": "9.0.0"})
    assert found.status_code == 200
    assert "risk" in found.text


async def test_what_is_wrong_with_a_text_is_told_with_line_and_column(line, eva):
    text = (await newest(eva))["text"].replace("kind: coater", "kind: cotaer")
    answer = await eva.post(f"{RECIPE}/9.9.9/validate", content=text, headers=YAML)
    found = answer.json()
    assert found["ok"] is False
    assert all({"line", "column", "message"} <= set(p) for p in found["problems"])
    assert str(line.parts.given.recipes.root) not in answer.text


async def test_a_draft_that_was_written_elsewhere_names_its_author(line, eva):
    text = (await newest(eva))["text"]
    version = (await newest(eva))["recipe"].partition("@")[2]
    mine = text.replace(f"version: {version}", "version: 9.1.0")
    url = f"{RECIPE}/9.1.0?reason=tried"
    answer = await eva.put(url, content=mine, headers=YAML)
    assert (answer.status_code, answer.json()["code"]) == (403, "author")
    author = next(r for r in mine.splitlines() if r.startswith("author:"))
    answer = await eva.put(url, content=mine.replace(author, "author: eva"), headers=YAML)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "draft"
    again = await eva.put(url, content=mine.replace(author, "author: eva"), headers=YAML)
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x" * 300_000, YAML, 413),
        (b"\xff\xfe", YAML, 422),
        (b"a: b", {"content-type": "application/json"}, 422),
        (b"a: b", {"content-type": "image/png"}, 415),
        (b"[" * 20_000, YAML, 422),
        (b"a: &x [*x]", YAML, 422),
        (b"!!python/object/apply:os.system [id]", YAML, 422),
        (b"", YAML, 422),
    ],
)
async def test_uploads_that_are_no_recipe_change_nothing(line, eva, content, headers, status):
    before = sorted(p for p in line.parts.given.recipes.root.rglob("*"))
    answer = await eva.put(f"{RECIPE}/9.2.0?reason=x", content=content, headers=headers)
    assert answer.status_code == status
    assert sorted(p for p in line.parts.given.recipes.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fevil", "a%2fb", "A", "x" * 200, "%00"])
async def test_names_lead_out_of_the_folder_nowhere(line, eva, name):
    place = line.parts.given.recipes.root.parent
    before = sorted({*place.rglob("*"), line.parts.given.run / REQUESTS})
    answer = await eva.put(f"/recipes/coater/{name}/1.0.0?reason=x", content=b"a: b", headers=YAML)
    assert 400 <= answer.status_code < 500
    assert sorted({*place.rglob("*"), line.parts.given.run / REQUESTS}) == before


async def sign(line: ApiRig, http, name: str, version: str) -> tuple[str, str]:
    wanted = (await http.get(f"{RECIPE}/{version}/signing")).json()
    return line.ticket(name, wanted["purpose"], wanted["subject"], http), wanted["content_hash"]


async def test_a_release_is_signed_by_another_person_and_the_signature_is_verified(line, eva, boss):
    await draft(eva)
    ticket, content = await sign(line, boss, "boss", "9.0.0")
    body = {"content_hash": content, "reason": "good", "ticket": ticket, "override": "a test"}
    answer = await boss.post(f"{RECIPE}/9.0.0/release", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["signature"]["signer"] == "boss"
    shown = (await eva.get(f"{RECIPE}/9.0.0")).json()
    assert shown["status"] == "released"
    (signature,) = shown["signatures"]
    assert (signature["meaning"], signature["against"]) == ("approved", [])
    assert line.parts.given.recipes.check("coater") == []
    place = line.parts.given.recipes.root / "coater" / NAME / "ledger.json"
    kept = json.loads(place.read_text())
    kept["entries"][-1]["signature"]["signer"] = "eva"
    place.write_text(json.dumps(kept))
    (forged,) = (await eva.get(f"{RECIPE}/9.0.0")).json()["signatures"]
    assert "altered" in forged["against"][0]


def rehearsed(line: ApiRig, own: str, state: JobState, **record: object) -> None:
    """A rehearsal that this line has made."""
    wanted = Wanted(kind="coater", recipe=f"{NAME}@9.0.0")
    job = Job(id=own, wanted=wanted, by="eva", state=state)
    line.parts.rehearsals.files.note(job)
    line.parts.rehearsals._jobs[own] = job
    if record:
        folder = line.parts.rehearsals.files.of(own)
        (folder / "rehearsal.json").write_text(json.dumps({"brought_by": "me", **record}))


async def test_a_rehearsal_of_this_line_is_named_and_its_own_record_counts(line, eva, boss):
    made = await draft(eva)
    ticket, content = await sign(line, boss, "boss", "9.0.0")
    body = {"content_hash": content, "reason": "good", "ticket": ticket}
    good = {"passed": True, "content_hash": made["content_hash"], "summary": "passed: 1 seed"}
    rehearsed(line, "waits", JobState.RUNNING)
    rehearsed(line, "nothing", JobState.DONE)
    rehearsed(line, "failed", JobState.DONE, **{**good, "passed": False})
    rehearsed(line, "another", JobState.DONE, **{**good, "content_hash": "0" * 64})
    rehearsed(line, "good", JobState.DONE, **good)
    for own in ("waits", "nothing", "failed", "another"):
        answer = await boss.post(f"{RECIPE}/9.0.0/release", json={**body, "rehearsed": own})
        assert (answer.status_code, answer.json()["code"]) == (409, "release"), own
        told = {**good, "summary": "believe me"}
        brought = {**body, "rehearsed": own, "rehearsal": told}
        assert (await boss.post(f"{RECIPE}/9.0.0/release", json=brought)).status_code == 409
    unknown = await boss.post(f"{RECIPE}/9.0.0/release", json={**body, "rehearsed": "x"})
    assert unknown.status_code == 404
    answer = await boss.post(f"{RECIPE}/9.0.0/release", json={**body, "rehearsed": "good"})
    assert answer.status_code == 200, answer.text
    entry = answer.json()["entry"]
    assert entry["rehearsal"] == "passed: 1 seed"
    assert "brought_by" not in entry


async def test_a_record_that_somebody_brings_is_his_in_the_ledger_and_in_the_trail(line, eva, boss):
    made = await draft(eva)
    ticket, content = await sign(line, boss, "boss", "9.0.0")
    told = {"passed": True, "content_hash": made["content_hash"], "summary": "believe me"}
    body = {"content_hash": content, "reason": "good", "ticket": ticket, "rehearsal": told}
    answer = await boss.post(f"{RECIPE}/9.0.0/release", json=body)
    assert answer.status_code == 200, answer.text
    (entry,) = (await eva.get(f"{RECIPE}/9.0.0")).json()["history"]
    assert (entry["rehearsal"], entry["brought_by"]) == ("believe me", "boss")
    records = [r.entry for r in line.access.records(category=Category.RECIPE)]
    assert "brought by boss" in records[-1].detail
    forged = {**told, "brought_by": ""}
    refused = await boss.post(f"{RECIPE}/9.0.0/release", json={**body, "rehearsal": forged})
    assert refused.status_code in {409, 422}


async def test_nobody_releases_without_the_password_nor_what_was_changed_meanwhile(line, eva, boss):
    made = await draft(eva)
    body = {"content_hash": made["content_hash"], "reason": "good", "override": "a test"}
    without = await boss.post(f"{RECIPE}/9.0.0/release", json=body)
    assert (without.status_code, without.json()["code"]) == (403, "ticket")
    other = {**body, "content_hash": "0" * 64}
    changed = await boss.post(f"{RECIPE}/9.0.0/release", json=other)
    assert (changed.status_code, changed.json()["code"]) == (412, "changed")
    mine = await eva.post(f"{RECIPE}/9.0.0/release", json=body)
    assert mine.status_code == 403
    assert (await eva.get(f"{RECIPE}/9.0.0")).json()["status"] == "draft"


async def test_the_author_does_not_approve_whatever_his_roles(line):
    both = line.person("both", Role.ENGINEER, Role.APPROVER)
    made = await draft(both)
    ticket, content = await sign(line, both, "both", "9.0.0")
    body = {"content_hash": content, "reason": "x", "ticket": ticket, "override": "a test"}
    answer = await both.post(f"{RECIPE}/9.0.0/release", json=body)
    assert answer.status_code == 409
    assert "another person" in answer.text
    assert made["content_hash"] == content


async def test_what_nobody_signed_is_not_deployed_where_there_are_users(line, eva, boss):
    await draft(eva)
    store = line.parts.given.recipes
    own = store.find("coater", f"{NAME}@9.0.0")
    store.release(own, "grace", "x", override="a test")
    line.controllers.answers["recipe"] = shown()
    body = {"recipe": f"{NAME}@9.0.0", "expected": 0, "reason": "better"}
    refused = await eva.post("/stations/coater/deployments", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "unsigned")
    ticket, content = await sign(line, boss, "boss", "9.0.0")
    again = {"content_hash": content, "reason": "good", "ticket": ticket, "override": "a test"}
    assert (await boss.post(f"{RECIPE}/9.0.0/release", json=again)).status_code == 200
    assert (await eva.post("/stations/coater/deployments", json=body)).status_code == 201


async def test_the_terminal_signs_with_the_password_of_a_user(line, eva):
    line.controllers.answers["recipe"] = shown()
    body = {"recipe": NAME, "expected": 0, "reason": "better"}
    for name, password, code in (
        ("root", "", "ticket"), ("root", GOOD.reveal(), "login"), ("eva", "wrong one", "login"),
        ("grace", GOOD.reveal(), ""),
    ):  # fmt: skip
        line.pass_s(61)
        http = line.terminal()
        http.headers["x-dryline-actor"] = name
        told = (await http.post("/stations/coater/deployments", json=body)).json()
        seen = {"seen_t": line.now_ms, "password": password}
        done = await http.post(f"/changes/{told['token']}/execute", json=seen)
        assert done.json()["code"] == (code or "ok"), done.text
    (asked,) = line.controllers.commands
    assert (asked["actor"], asked["signature"]["signer"]) == ("grace", "grace")
    record = next(r for r in line.access.records() if r.number == asked["signature"]["number"])
    assert (record.entry.source, record.entry.action) == ("terminal", "deployed")
    assert asked["id"] == line.access.records()[-1].entry.command


async def test_without_users_the_terminal_deploys_unsigned(tmp_path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    with api_rig(tmp_path) as line:
        store = line.parts.given.recipes
        store.release(store.find("coater", NAME), "grace", "x", override="a test")
        line.controllers.answers["recipe"] = shown()
        http = line.terminal()
        body = {"recipe": NAME, "expected": 0, "reason": "better"}
        told = (await http.post("/stations/coater/deployments", json=body)).json()
        assert (await line.execute(http, told)).status_code == 202
        (asked,) = line.controllers.commands
        assert asked["signature"] is None


def requested(number: int, recipe: str = "coater/higher-shear@1.0.0") -> dict:
    return {"number": number, "recipe": recipe, "actor": "mori", "reason": "", "time_ns": 5,
            "because": "", "trial": "", "content_hash": ""}  # fmt: skip


def shown(*deployments: dict) -> dict:
    return {"requested": deployments[-1] if deployments else None, "current": None, "run": "",
            "deployments": list(deployments)}  # fmt: skip


async def test_a_deployment_is_shown_signed_and_carried_out(line, eva):
    line.controllers.answers["recipe"] = shown(requested(3))
    line.controllers.answers["deploy"] = {
        "accepted": True, "code": "ok", "reasons": [], "deployment": 4
    }  # fmt: skip
    body = {"recipe": NAME, "expected": 3, "reason": "better"}
    proposed = await eva.post("/stations/coater/deployments", json=body)
    assert proposed.status_code == 201, proposed.text
    told = proposed.json()
    assert told["recipe"].startswith(f"coater/{NAME}@")
    assert told["password_needed"] is True
    assert told["diff"] is not None
    unsigned = await line.execute(eva, told)
    assert unsigned.json()["code"] == "ticket"
    assert line.controllers.commands == []
    told = (await eva.post("/stations/coater/deployments", json=body)).json()
    ticket = line.ticket("eva", told["sign"]["purpose"], told["sign"]["subject"], eva)
    line.feed()
    done = await line.execute(eva, told, ticket)
    assert done.status_code == 202, done.text
    assert done.json()["result"]["deployment"] == 4
    assert done.json()["result"]["signature"]["content_hash"] == told["content_hash"]
    (asked,) = line.controllers.commands
    assert (asked["op"], asked["expected"], asked["actor"]) == ("deploy", 3, "eva")
    records = [r.entry for r in line.access.records()]
    kinds = [e.category for e in records if e.station == "coater"]
    assert kinds[-3:] == [Category.SIGNATURE, Category.DEPLOY, Category.DEPLOY]


async def test_who_deployed_meanwhile_is_told(line, eva):
    line.controllers.answers["recipe"] = shown(requested(4))
    body = {"recipe": NAME, "expected": 3, "reason": "better"}
    answer = await eva.post("/stations/coater/deployments", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["by"] == "mori"
    assert "mori deployed coater/higher-shear@1.0.0" in answer.json()["reasons"][0]


async def test_a_rollback_names_what_was_there_before(line, eva):
    title = (await newest(eva))["recipe"]
    line.controllers.answers["recipe"] = shown(requested(1, title), requested(2))
    body = {"expected": 2, "reason": "back"}
    told = (await eva.post("/stations/coater/rollback", json=body)).json()
    assert told["recipe"] == title
    ticket = line.ticket("eva", "sign", told["sign"]["subject"], eva)
    line.feed()
    assert (await line.execute(eva, told, ticket)).status_code == 202
    (asked,) = line.controllers.commands
    assert (asked["op"], asked["expected"]) == ("rollback", 2)


async def test_a_recipe_of_another_kind_or_a_draft_is_not_deployed(line, eva):
    line.controllers.answers["recipe"] = shown()
    await draft(eva)
    for recipe, code in (
        (f"{NAME}@9.0.0", "not_released"), ("calender/x@1.0.0", "kind"), ("nothing", "unknown")
    ):  # fmt: skip
        body = {"recipe": recipe, "expected": 0, "reason": "x"}
        answer = await eva.post("/stations/coater/deployments", json=body)
        assert answer.json()["code"] == code
        assert str(Path(line.parts.given.recipes.root)) not in answer.text


async def test_built_in_is_deployed_too(line, eva):
    line.controllers.answers["recipe"] = shown(requested(1))
    body = {"recipe": "built-in", "expected": 1, "reason": "plain"}
    told = (await eva.post("/stations/coater/deployments", json=body)).json()
    ticket = line.ticket("eva", "sign", told["sign"]["subject"], eva)
    line.feed()
    assert (await line.execute(eva, told, ticket)).status_code == 202
    assert line.controllers.commands[0]["recipe"] == "built-in"


async def test_a_trial_begins_like_a_deployment_and_ends_in_two_steps(line, eva):
    line.controllers.answers["recipe"] = shown(requested(1))
    body = {"recipe": NAME, "expected": 1, "question": "thinner?", "minutes": 30.0}
    told = (await eva.post("/stations/coater/trials", json=body)).json()
    base = (await eva.get(f"{RECIPE}/1.0.0")).json()
    returns = f"coater/{NAME}@1.0.0 {base['content_hash']} after 30 min"
    assert told["returns"] == returns
    assert told["sign"]["subject"].endswith(f" then {returns}")
    assert f"coater/{NAME}@1.0.0 comes back by itself after 30 min" in told["text"]
    ticket = line.ticket("eva", "sign", told["sign"]["subject"], eva)
    line.feed()
    assert (await line.execute(eva, told, ticket)).status_code == 202
    asked = line.controllers.commands[0]
    assert (asked["op"], asked["question"], asked["minutes"]) == ("trial", "thinner?", 30.0)
    assert asked["signature"]["returns"] == returns
    signed = [r.entry.signature for r in line.access.records(category=Category.SIGNATURE)][-1]
    assert signed["returns"] == returns
    told = (await eva.post("/stations/coater/trials/end", json={"reason": "seen enough"})).json()
    assert (await line.execute(eva, told)).status_code == 202
    assert line.controllers.commands[-1]["op"] == "trial_end"


async def test_a_ticket_for_a_deployment_signs_no_trial_nor_one_of_another_length(line, eva):
    line.controllers.answers["recipe"] = shown(requested(1))
    plain = {"recipe": NAME, "expected": 1, "reason": "thinner?"}
    trial = {"recipe": NAME, "expected": 1, "question": "thinner?"}
    first = (await eva.post("/stations/coater/deployments", json=plain)).json()
    other = (await eva.post("/stations/coater/trials", json={**trial, "minutes": 5.0})).json()
    for signed_for in (first, other):
        ticket = line.ticket("eva", "sign", signed_for["sign"]["subject"], eva)
        line.feed()
        told = await eva.post("/stations/coater/trials", json={**trial, "minutes": 30.0})
        answer = await line.execute(eva, told.json(), ticket)
        assert (answer.status_code, answer.json()["code"]) == (403, "ticket")
    assert line.controllers.commands == []


async def test_a_recipe_that_was_derived_from_nothing_has_no_way_back_and_makes_no_trial(line, eva):
    line.controllers.answers["recipe"] = shown(requested(1))
    body = {"recipe": f"{NAME}@1.0.0", "expected": 1, "question": "x", "minutes": 5.0}
    answer = await eva.post("/stations/coater/trials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "trial")


async def test_retiring_takes_the_password(line, boss):
    shown_ = await newest(boss)
    version = shown_["recipe"].partition("@")[2]
    path = f"/api/v1{RECIPE}/{version}/obsolete"
    body = {"reason": "old"}
    assert (await boss.post(f"{RECIPE}/{version}/obsolete", json=body)).json()["code"] == "ticket"
    ticket = line.ticket("boss", "release", path, boss)
    done = await boss.post(
        f"{RECIPE}/{version}/obsolete", json=body, headers={"x-dryline-ticket": ticket}
    )
    assert done.status_code == 200
    assert (await boss.get(f"{RECIPE}/{version}")).json()["status"] == "obsolete"


async def test_what_there_is_not_is_no_deployment(line, eva):
    body = {"recipe": "nothing@1.0.0", "expected": 0, "reason": "better"}
    refused = await eva.post("/stations/coater/deployments", json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown")
    back = {"expected": 0, "reason": "better"}
    refused = await eva.post("/stations/coater/rollback", json=back)
    assert refused.status_code in (404, 409)
