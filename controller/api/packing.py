"""Bodies compressed by gzip, for who reads that: what is public, or the same for everybody who may
see it. Answers that hold secrets go out as they are, for a length can tell of what is inside."""

import gzip
import re
from collections.abc import Iterable


def packed(body: bytes) -> bytes:
    """The same by gzip; b"" where that is no smaller."""
    found = gzip.compress(body, mtime=0)
    return found if len(found) < len(body) else b""


def parts_of(values: Iterable[str]) -> list[str]:
    """The parts of a header that is a list and may stand there more than once."""
    return [part.strip() for value in values for part in value.split(",")]


def reads_gzip(accepted: Iterable[str]) -> bool:
    """By the values of Accept-Encoding, as RFC 9110 has it: named, and not with the weight 0."""
    for coding in parts_of(accepted):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not re.fullmatch(r"q=0(\.0{0,3})?", weight.replace(" ", "").lower())
    return False


def etag_of(digest: str, *, gzipped: bool) -> str:
    """Another one for another content, and for the same in another form. digest: in hex."""
    return f'"{digest[:20]}{"-gzip" if gzipped else ""}"'


def is_known(etag: str, given: Iterable[str]) -> bool:
    """By the values of If-None-Match."""
    return etag in [part.removeprefix("W/") for part in parts_of(given)]
