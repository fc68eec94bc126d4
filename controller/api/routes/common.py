"""What routes have in common: who asks, the parts, and how answers are written."""

import hashlib
from functools import lru_cache
from typing import Annotated

import orjson
from fastapi import Depends, Request, Response

from controller.access.identity import Identity
from controller.api.packing import etag_of, is_known, packed, reads_gzip
from controller.api.parts import Parts
from controller.api.who import Caller, known

JSON = "application/json"
_packed = lru_cache(maxsize=4)(packed)


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def _identity(request: Request) -> Identity:
    return known(request.state)


OfParts = Annotated[Parts, Depends(_parts)]
OfCaller = Annotated[Caller, Depends(_caller)]
By = Annotated[Identity, Depends(_identity)]


def answer(content: object, status: int = 200, **headers: str) -> Response:
    """JSON; columns of numbers as arrays, what is no number as null."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, named, media_type=JSON)


def nothing() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)


def tagged(request: Request, content: object) -> Response:
    """An answer that seldom changes and holds nothing secret: with an ETag, and compressed."""
    body = orjson.dumps(content)
    gzipped = reads_gzip(request.headers.getlist("accept-encoding")) and bool(_packed(body))
    etag = etag_of(hashlib.sha256(body).hexdigest(), gzipped=gzipped)
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if is_known(etag, request.headers.getlist("if-none-match")):
        return Response(status_code=304, headers=headers)
    if gzipped:
        body, headers = _packed(body), headers | {"Content-Encoding": "gzip"}
    return Response(body, headers=headers, media_type=JSON)
