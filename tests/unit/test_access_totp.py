"""One-time passwords, compared with the test values of the standards."""

import base64

import pytest

from controller.access import totp
from controller.access.secret import Secret

KEY = b"12345678901234567890"
TYPED = Secret(base64.b32encode(KEY).decode())


# RFC 4226, appendix D
@pytest.mark.parametrize(
    ("count", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
               "399871", "520489"])),
)  # fmt: skip
def test_counts_of_rfc_4226(count, code):
    assert totp.code_at(KEY, count) == code


# RFC 6238, appendix B, the rows of SHA-1
@pytest.mark.parametrize(
    ("utc_s", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"),
     (1234567890, "89005924"), (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_times_of_rfc_6238(utc_s, code):
    assert totp.code_at(KEY, utc_s // totp.STEP_S, digits=8) == code
    assert totp.step_of(TYPED, Secret(code[2:]), utc_s, used=0) == utc_s // 30


@pytest.mark.parametrize(("off_s", "taken"), [(-61, False), (-30, True), (0, True), (30, True),
                                              (61, False)])  # fmt: skip
def test_a_clock_may_be_off_by_one_step(off_s, taken):
    now = 1_000_000_020.0
    code = Secret(totp.code_at(KEY, int((now + off_s) // 30)))
    assert (totp.step_of(TYPED, code, now, used=0) is not None) == taken


def test_a_used_step_and_all_before_it_are_refused():
    now = 1_000_000_020.0
    step = int(now // 30)
    for offered in (step - 1, step):
        code = Secret(totp.code_at(KEY, offered))
        assert totp.step_of(TYPED, code, now, used=step) is None
    assert totp.step_of(TYPED, Secret(totp.code_at(KEY, step + 1)), now, used=step) == step + 1


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666"]
)
def test_what_is_no_code_is_wrong(code):
    assert totp.step_of(TYPED, Secret(code), 59.0, used=0) is None


def test_blanks_as_telephones_show_them_do_not_matter():
    assert totp.step_of(TYPED, Secret("287 082"), 59.0, used=0) == 1


def test_keys_are_new_and_the_address_is_a_secret():
    key = totp.new_key()
    assert key.reveal() != totp.new_key().reveal()
    assert len(base64.b32decode(key.reveal())) == 20
    address = totp.address(key, "sato", "pilot line")
    assert key.reveal() not in repr(address)
    assert address.reveal().startswith("otpauth://totp/pilot%20line:sato?secret=")
