"""Which server a station is reached at, to find two stations that would meet at one."""

from urllib.parse import urlsplit

from pydantic import BaseModel


def endpoint_of(settings: BaseModel) -> tuple[object, ...] | None:
    """What tells one server from another: its URL, or host, port and unit; None if it has none."""
    url = getattr(settings, "endpoint", None)
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            return (_host(parts.hostname or ""), parts.port, parts.path.rstrip("/"))
        except ValueError:
            return (url,)
    host = getattr(settings, "host", None)
    if not isinstance(host, str):
        return None
    return (_host(host), getattr(settings, "port", None), getattr(settings, "unit_id", None))


def _host(name: str) -> str:
    return "127.0.0.1" if name.lower() in ("localhost", "::1") else name.lower()
