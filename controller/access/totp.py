"""Second factor: time-based one-time passwords (RFC 6238 with SHA-1, six digits, 30 s).

Every authenticator program can do these. A step that was used, and all before it, are refused.
"""

import base64
from urllib.parse import quote

from controller.access.chance import hmac_sha1, key_bytes, same
from controller.access.secret import Secret

STEP_S = 30
DIGITS = 6
KEY_BYTES = 20
WINDOW = 1  # steps before and after: clocks of telephones differ


def new_key() -> Secret:
    """A key as it is typed or shown as a code: base32."""
    return Secret(base64.b32encode(key_bytes(KEY_BYTES)).decode())


def code_at(key: bytes, step: int, digits: int = DIGITS) -> str:
    """The one-time password of a step (RFC 4226, 5.3)."""
    digest = hmac_sha1(key, step.to_bytes(8, "big"))
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step_of(key: Secret, code: Secret, utc_s: float, used: int) -> int | None:
    """The step of a right code, None for a wrong or used one. used: the newest step ever taken."""
    raw = base64.b32decode(key.reveal())
    typed = code.reveal().replace(" ", "")
    now = int(utc_s // STEP_S)
    found = None
    for step in range(now - WINDOW, now + WINDOW + 1):  # all of them: the time tells nothing
        if step >= 0 and same(code_at(raw, step), typed) and step > used:
            found = step
    return found


def address(key: Secret, user: str, line: str) -> Secret:
    """What a square code for the telephone contains: the otpauth address, key included."""
    label = f"{quote(line, safe='')}:{quote(user, safe='')}"
    members = f"secret={key.reveal()}&issuer={quote(line, safe='')}&digits={DIGITS}"
    return Secret(f"otpauth://totp/{label}?{members}&period={STEP_S}")
