"""Work in a forked child: the warm plant of the parent stays as it was, whatever the child does."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any


def in_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns, which must be plain JSON values; an AssertionError with its trace."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _answer(write, work)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        raise AssertionError(f"the forked child ended without an answer: status {status}")
    answer = json.loads(said)
    if "failed" in answer:
        raise AssertionError(answer["failed"])
    return answer["done"]


def _answer(write: int, work: Callable[[], Any]) -> None:
    """Work, tell, and end the child without any of the parent's clearing up."""
    try:
        said = {"done": work()}
    except BaseException:  # noqa: BLE001 - a child must never run on into the tests of its parent
        said = {"failed": traceback.format_exc()}
    try:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(said).encode())
    finally:
        os._exit(0)
