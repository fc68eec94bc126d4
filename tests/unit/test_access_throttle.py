"""Guessing is slow for everybody, and nobody can lock out anybody else."""

import random
from itertools import pairwise

import pytest

from controller.access.throttle import (
    ADDRESS_TRIES,
    MAX_KEYS,
    STRANGE_TRIES,
    TRIES,
    Origin,
    Throttle,
    network_of,
)

CONSOLE, PROVEN, UNKNOWN = Origin


def admitted(throttle, until_s, every_s=0.25, account="sato", **given):
    """Times of the tries that were looked at, of somebody who tries again and again."""
    place = {"address": "192.0.2.1", "origin": UNKNOWN} | given
    steps = int(until_s / every_s)
    return [
        k * every_s for k in range(steps)
        if throttle.admit(account, place["address"], place["origin"], k * every_s) == 0.0
    ]  # fmt: skip


def most_in_a_minute(times):
    return max(sum(1 for other in times if t <= other < t + 60.0) for t in times)


@pytest.mark.parametrize("origin", Origin)
def test_failures_double_the_wait_up_to_the_share(origin):
    times = admitted(Throttle(), 600.0, origin=origin)
    assert most_in_a_minute(times) <= TRIES[origin]
    assert times[:2] == [0.0, 1.0]
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) <= 60.0


def test_ten_tries_a_minute_for_an_account_whoever_makes_them():
    throttle, chance = Throttle(), random.Random(7)
    times = []
    for k in range(4 * 600):
        origin = chance.choice(list(Origin))
        address = f"198.51.100.{chance.randrange(200)}"
        if throttle.admit("sato", address, origin, k * 0.25) == 0.0:
            times.append(k * 0.25)
    assert sum(TRIES.values()) == 10
    assert most_in_a_minute(times) <= 10


def test_who_guesses_from_outside_locks_out_neither_console_nor_known_address():
    throttle = Throttle()
    for k in range(400):
        throttle.admit("sato", f"203.0.113.{k % 250}", UNKNOWN, k * 0.25)
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 100.0) == 0.0
    assert throttle.admit("sato", "10.0.0.5", PROVEN, 100.0) == 0.0
    assert throttle.admit("sato", "203.0.113.251", UNKNOWN, 100.0) > 0.0


def test_a_console_is_not_stopped_by_failures_on_other_accounts():
    throttle = Throttle()
    for k in range(100):
        throttle.admit(f"user{k}", "127.0.0.1", CONSOLE, float(k) / 10)
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 10.0) == 0.0


def test_an_address_that_tries_many_accounts_is_slowed():
    throttle = Throttle()
    tried = [
        k for k in range(240)
        if throttle.admit(f"user{k}", "192.0.2.1", UNKNOWN, k * 0.25) == 0.0
    ]  # fmt: skip
    assert len(tried) <= ADDRESS_TRIES
    assert throttle.admit("other", "192.0.2.2", UNKNOWN, 60.0) == 0.0


def test_many_strange_addresses_cannot_keep_the_hashing_busy():
    throttle = Throttle()
    tried = [
        k for k in range(1000)
        if throttle.admit(f"user{k}", f"2001:db8:{k:x}::1", UNKNOWN, k * 0.05) == 0.0
    ]  # fmt: skip
    assert len(tried) == STRANGE_TRIES
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 50.0) == 0.0


def test_tries_at_the_same_moment_count_before_their_result_is_known():
    throttle = Throttle()
    waits = [throttle.admit("sato", "192.0.2.1", UNKNOWN, 5.0) for _ in range(50)]
    assert waits.count(0.0) == 1
    assert throttle.held_back == 49


def test_success_forgives_the_account_but_an_address_only_this_try():
    throttle = Throttle()
    now_s = 0.0
    waits = []
    for _ in range(40):  # another account is guessed at between logins of one's own
        now_s += 1.0
        if throttle.admit("mallory", "192.0.2.9", PROVEN, now_s) == 0.0:
            throttle.succeeded("mallory", "192.0.2.9", PROVEN)
        waits.append(throttle.admit(f"victim{now_s}", "192.0.2.9", UNKNOWN, now_s))
    assert any(wait > 0.0 for wait in waits)


def test_after_success_the_next_typing_error_costs_a_second():
    throttle = Throttle()
    for now_s in (0.0, 1.0, 3.0):
        assert throttle.admit("sato", "127.0.0.1", CONSOLE, now_s) == 0.0
    throttle.succeeded("sato", "127.0.0.1", CONSOLE)
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 4.0) == 0.0
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 64.0) == 0.0
    assert throttle.admit("sato", "127.0.0.1", CONSOLE, 64.5) == pytest.approx(1.5)


def test_a_flood_of_failures_is_told_in_few_records_and_counted_in_full():
    throttle = Throttle()
    told = [throttle.failures_to_tell(UNKNOWN, k * 0.1) for k in range(3000)]
    assert sum(1 for count in told if count) <= 30 * 6
    assert sum(told) + throttle.failures_to_tell(CONSOLE, 300.0) == 3000 + 1


def test_memory_has_an_end():
    throttle = Throttle()
    for k in range(MAX_KEYS + 500):
        throttle.admit("x" * 5000 + str(k), f"name{k}", PROVEN, 0.0)
    assert len(throttle._accounts._all) <= MAX_KEYS
    assert len(throttle._addresses._all) <= MAX_KEYS


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.0.0.5", "10.0.0.5"), ("::ffff:10.0.0.5", "10.0.0.5"),
     ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("fe80::1%eth0", "fe80::"), ("?", "?")],
)  # fmt: skip
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network
