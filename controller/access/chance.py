"""Fence of `secrets` and `hmac`: unguessable texts, their hashes, comparison in constant time.

What is drawn here has 128 bits or more, so its plain SHA-256 may be stored: there is nothing to
guess. Passwords, which people choose, go through `passwords.py`.
"""

import base64
import hashlib
import hmac
import secrets

from controller.access.secret import Secret

_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # without I L O U 0 1: read aloud and typed by hand
_GROUP = 5


def unguessable() -> Secret:
    """256 bits in 43 characters that need no quoting in a header."""
    return Secret(secrets.token_urlsafe(32))


def short_id() -> str:
    """40 bits: tells things from each other, guards nothing."""
    return secrets.token_hex(5)


def code_to_type(groups: int) -> Secret:
    """A code of groups of five characters, 24 bits each: to be read from paper or a terminal."""
    drawn = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(groups))
    return Secret("-".join(drawn))


def tidied(typed: Secret) -> Secret:
    """A code as it was drawn, however it was typed."""
    letters = [c for c in typed.reveal().upper() if c in _ALPHABET]
    groups = ("".join(letters[k : k + _GROUP]) for k in range(0, len(letters), _GROUP))
    return Secret("-".join(groups))


def key_bytes(count: int) -> bytes:
    """A key for an algorithm."""
    return secrets.token_bytes(count)


def hash_of(secret: Secret) -> str:
    """What is stored of an unguessable text."""
    return hashlib.sha256(secret.reveal().encode("utf-8", "backslashreplace")).hexdigest()


def derived(secret: Secret, purpose: str) -> Secret:
    """Another unguessable text, from which the first cannot be had back."""
    key = secret.reveal().encode("utf-8", "backslashreplace")
    digest = hmac.digest(key, purpose.encode(), "sha256")
    return Secret(base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def hmac_sha1(key: bytes, message: bytes) -> bytes:
    """As RFC 4226 wants it for one-time passwords."""
    return hmac.digest(key, message, "sha1")


def same(one: str, other: str) -> bool:
    """Equal, found out in a time that does not tell how much of it is."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
