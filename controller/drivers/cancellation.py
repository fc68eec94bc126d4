"""One kind of cancellation, whatever a library makes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def plain_cancellation() -> AsyncIterator[None]:
    """Inside a timeout, around calls of a library that cancels with a class of its own.

    `asyncio.timeout` makes a TimeoutError only of CancelledError itself. An answer that comes in
    the very moment of the deadline leaves asyncua as a subclass of it, and would pass for an order
    to end.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise asyncio.CancelledError from None
