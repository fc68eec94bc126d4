"""Who may do what: the table, and what a class of actions asks for."""

from dataclasses import replace

import pytest

from controller.access.demands import DEMANDS, Act, act_of
from controller.access.identity import Identity, Via, require, require_act
from controller.access.roles import (
    FOR_TOKENS,
    TABLE,
    Permission,
    Role,
    permission_for,
    permissions_of,
)
from controller.core.errors import Refused
from controller.core.event import Verb

V, O, E, A, D = Role
# Permission -> the roles that have it, written by hand: the table must agree.
EXPECTED = {
    Permission.VIEW: {V, O, E, A, D},
    Permission.REST: {O, E},
    Permission.OPERATE: {O, E},
    Permission.ACKNOWLEDGE: {O, E},
    Permission.SHELVE: {O, E},
    Permission.TRIM: {O, E},
    Permission.TUNE: {E},
    Permission.BYPASS: {E},
    Permission.DRAFT: {E},
    Permission.APPROVE: {A},
    Permission.DEPLOY: {E, A},
    Permission.EXPORT: {E, D},
    Permission.READ_AUDIT: {E, A, D},
    Permission.ADMINISTER: {D},
    Permission.CONFIGURE: {D},
}


def identity(*roles, **more):
    known = {
        "user": "sato", "display": "Sato", "roles": frozenset(roles),
        "permissions": permissions_of(roles), "via": Via.SESSION, "address": "10.0.0.5", "key": "k",
    }  # fmt: skip
    return Identity(**known | more)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_every_cell_of_the_table_is_as_written_down(role, permission):
    assert (permission in TABLE[role]) == (role in EXPECTED[permission])


def test_each_of_viewer_operator_engineer_may_what_the_one_before_may():
    assert TABLE[V] < TABLE[O] < TABLE[E]


def test_who_approves_or_administers_does_not_run_machines():
    for role in (A, D):
        assert not TABLE[role] & {Permission.OPERATE, Permission.REST, Permission.TUNE}


def test_nobody_may_anything_without_a_role():
    assert permissions_of([]) == frozenset()


def test_roles_add_up():
    assert permissions_of([E, A]) == TABLE[E] | TABLE[A]


@pytest.mark.parametrize("verb", Verb)
def test_every_command_has_a_permission_and_its_class_agrees(verb):
    assert DEMANDS[act_of(verb)].permission is permission_for(verb)


@pytest.mark.parametrize("act", Act)
def test_every_class_of_actions_has_a_demand(act):
    assert DEMANDS[act].permission in Permission


@pytest.mark.parametrize(
    ("act", "two_steps", "reason", "password"),
    [(Act.ACKNOWLEDGE, False, False, False), (Act.SET, True, False, False),
     (Act.SET_BEYOND, True, True, False), (Act.TUNE, True, True, False),
     (Act.DEPLOY, True, True, True), (Act.RELEASE, True, True, True),
     (Act.FORCE, True, True, False), (Act.USERS, True, True, True)],
)  # fmt: skip
def test_classes_ask_for_what_the_operating_rules_say(act, two_steps, reason, password):
    demand = DEMANDS[act]
    assert (demand.two_steps, demand.reason, demand.password) == (two_steps, reason, password)


def test_set_points_beyond_the_operators_limits_and_outputs_are_classes_of_their_own():
    assert act_of(Verb.SET) is Act.SET
    assert act_of(Verb.SET, beyond_limits=True) is Act.SET_BEYOND
    assert act_of(Verb.SET, output=True) is Act.OUTPUT


def test_what_asks_for_a_password_is_nothing_for_tokens():
    asked = {d.permission for d in DEMANDS.values() if d.password}
    assert asked
    assert not asked & FOR_TOKENS


def test_who_lacks_a_permission_is_refused_with_its_name():
    with pytest.raises(Refused, match="sato may not tune") as refused:
        require(identity(O), Permission.TUNE)
    assert refused.value.code == "forbidden"


def test_a_scope_of_stations_is_kept():
    own = identity(O, stations=frozenset({"coater"}))
    require(own, Permission.OPERATE, "coater")
    with pytest.raises(Refused, match="calender"):
        require(own, Permission.OPERATE, "calender")


def test_who_is_idle_may_look_and_bring_to_rest_only():
    idle = identity(E, idle=True)
    require(idle, Permission.VIEW)
    require(idle, Permission.REST)
    for permission in TABLE[E] - {Permission.VIEW, Permission.REST}:
        with pytest.raises(Refused) as refused:
            require(idle, permission)
        assert refused.value.code == "idle"


def test_a_class_that_wants_a_reason_is_refused_without():
    require_act(identity(E), Act.TUNE, "too slow")
    with pytest.raises(Refused) as refused:
        require_act(identity(E), Act.TUNE, "  ")
    assert refused.value.code == "reason"


def test_a_script_is_named_with_its_owner():
    token = replace(identity(), via=Via.TOKEN, label="report")
    assert token.actor.name == "token report of sato"
