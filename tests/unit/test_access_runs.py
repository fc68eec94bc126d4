"""The signatures that runs keep, compared with the audit trail."""

from dataclasses import replace
from functools import partial

import pytest

from controller.access.roles import Role
from controller.access.run_check import _checked, check_runs
from controller.access.signature import (
    Meaning,
    Proof,
    Wanted,
    returns_of,
    sign_at_terminal,
)
from controller.control.station_memory import Memory
from controller.core.event import Event, EventKind
from controller.core.run import RunHead
from controller.run_store import STORE, RunStore, StationFacts
from tests.support.access_rig import GOOD, NONE, rig

HASH = "a" * 64
HEAD = RunHead(
    id="coater-1", station="coater", kind="coater", recipe="coater/film@1.0.0", content_hash=HASH,
    begun_ns=5, begun_by="sato", reason="", software="x",
)  # fmt: skip


@pytest.fixture
def line(tmp_path):
    with rig(tmp_path) as made:
        made.user("grace", Role.APPROVER)
        yield made


@pytest.fixture
def signature(line):
    wanted = Wanted(
        meaning=Meaning.DEPLOYED, subject=HEAD.recipe, content_hash=HASH, reason="better",
        station="coater",
    )  # fmt: skip
    proof = Proof(name="grace", password=GOOD, code=NONE)
    return partial(sign_at_terminal, line.door, line.trail, line.clock, proof)(wanted).plain()


def checked(line, signature, head: RunHead = HEAD):
    folder = line.trail.path.parent
    store = RunStore(folder / STORE)
    data = {"run": head.id, "signature": signature}
    begun = Event(
        time_ns=5, kind=EventKind.RUN, station="coater", subject=head.id, text="", data=data
    )
    store.commit({"coater": StationFacts(Memory(), {}, [], head)}, [begun])
    store.close()
    (found,) = check_runs(folder / STORE, line.trail.path)
    return found


def test_a_run_of_a_signed_deployment_is_as_it_was_signed(line, signature):
    found = checked(line, signature)
    assert (found.signer, found.against) == ("grace", ())


def test_a_run_of_an_unsigned_deployment_is_no_forgery(line):
    assert checked(line, None).against == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"content_hash": "b" * 64}, "the content is not what was signed"),
        ({"recipe": "coater/other@1.0.0"}, "the signature is of something else"),
    ],
)
def test_a_signature_of_something_else_is_told(line, signature, change, told):
    assert told in checked(line, signature, replace(HEAD, **change)).against


def test_a_signature_with_another_signer_is_told(line, signature):
    assert "the signature was altered" in checked(line, signature | {"signer": "sato"}).against


def test_what_is_no_signature_is_told(line):
    assert checked(line, "signed, honestly").against == ("its signature cannot be read",)


BASE, BASE_HASH = "coater/film@0.9.0", "b" * 64


def test_what_comes_back_after_a_trial_was_signed_with_it(line):
    wanted = Wanted(
        meaning=Meaning.DEPLOYED, subject=HEAD.recipe, content_hash=HASH, reason="thinner?",
        station="coater", returns=returns_of(BASE, BASE_HASH, "30 min"),
    )  # fmt: skip
    proof = Proof(name="grace", password=GOOD, code=NONE)
    made = sign_at_terminal(line.door, line.trail, line.clock, proof, wanted).plain()
    back = replace(HEAD, recipe=BASE, content_hash=BASE_HASH)
    forged = made | {"returns": returns_of("coater/film@0.8.0", BASE_HASH, "30 min")}
    assert against(line, made, HEAD) == ()
    assert against(line, made, back) == ()
    other = replace(back, recipe="coater/film@0.8.0")
    assert "the signature is of something else" in against(line, made, other)
    edited = replace(back, content_hash="c" * 64)
    assert "the content is not what was signed" in against(line, made, edited)
    assert "the signature was altered" in against(line, forged, other)


def against(line, made, head: RunHead) -> tuple[str, ...]:
    return _checked(head, made, line.trail.path).against
