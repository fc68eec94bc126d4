"""The screens: files of a folder as they go out to browsers, in front of the routes of the API.

All files are read when the process starts, so what is served fits together, and no request names a
file: paths are looked up in a table, and what is not in it does not exist. A page may run only its
own modules; of what stands in it, only its import map, by its hash. A folder that was named by hand
is somebody's workshop: it is read again when something in it has changed. Files go out compressed
to who can read that; they hold nothing of anybody's, so their sizes tell nothing.
"""

import hashlib
import importlib.util
import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.parse import parse_qs

from controller.access.web_headers import security_headers
from controller.api.bundling import bundled
from controller.api.outer import App, Receive, Scope, Send
from controller.api.packing import etag_of, is_known, packed, reads_gzip
from controller.api.pools import Pool
from controller.core.errors import DrylineError
from controller.core.ports import Clock

log = logging.getLogger("dryline.api")
PACKAGE, FOLDER = "hmi", "static"
INDEX = "/index.html"
VENDOR = "/vendor/"
HASH = "h"  # in the query of a file of others: the beginning of its SHA-256
SHORTEST_HASH = 8
DIGEST = 16  # hex digits of that of all screens together
MAX_FILE = 8 * 1024 * 1024
MAX_FILES = 2_000
FOR_EVER = "public, max-age=31536000, immutable"
LOOK_AGAIN = "no-cache"
LOOK_S = 0.5  # between looks for changes in a workshop
_WORD = re.compile(r"[A-Za-z0-9_@~-][A-Za-z0-9_@~:.+-]{0,200}", re.ASCII)
_FILE = re.compile(r"\.[a-z][a-z0-9]{0,12}/?$", re.ASCII)
_OWN_PATHS = ("/api/", VENDOR, "/healthz/", "/readyz/", "/metrics/")
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml; charset=utf-8",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".webmanifest": "application/manifest+json",
        ".txt": "text/plain; charset=utf-8",
        ".toml": "text/plain; charset=utf-8",
    }
)  # what else lies in the folder is not served


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenFile:
    """One file. packed: the same by gzip; b"" where that is no smaller. digest: SHA-256 in hex;
    headers: those that do not depend on the request."""

    body: bytes
    packed: bytes
    digest: str
    headers: tuple[tuple[bytes, bytes], ...]
    vendor: bool

    def caching(self, query: bytes) -> str:
        """What an address that contains the hash of the content gives never changes."""
        if not self.vendor:
            return LOOK_AGAIN
        (given,) = parse_qs(query.decode("latin-1")).get(HASH, [""])[:1]
        exact = len(given) >= SHORTEST_HASH and self.digest.startswith(given)
        return FOR_EVER if exact else LOOK_AGAIN


Files = Mapping[str, ScreenFile]
Stamp = frozenset[tuple[Path, int, int]]


def shipped_folder() -> Path | None:
    """Where the screens that came with this program lie; found by name, nothing is imported."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found is not None else None
    folders = [Path(place) / FOLDER for place in places or ()]
    return next((folder for folder in folders if folder.is_dir()), None)


def read_screens(folder: Path) -> Files:
    """Every file of a folder by its path in an address; DrylineError without a first page."""
    files = {
        "/" + path.relative_to(folder).as_posix(): _read(path, folder) for path in _paths(folder)
    }
    if INDEX not in files:
        raise DrylineError(f"{folder}: no screens here, {INDEX[1:]} is missing")
    return MappingProxyType({**files, **_bundled(files, folder)})


def _bundled(files: Files, folder: Path) -> Files:
    """The modules that go out otherwise than they lie there: a first look then needs few files."""
    ours = {
        path: file.body.decode("utf-8", "replace")
        for path, file in files.items()
        if path.endswith(".js") and not file.vendor
    }
    try:
        found = bundled(ours)
    except DrylineError as error:
        log.warning("%s: the modules of the screens go out one by one: %s", folder, error)
        return {}
    return {path: _file(path, text.encode()) for path, text in found.items()}


def _paths(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    count = 0
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix not in _TYPES or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            raise DrylineError(f"{path}: leads out of the folder of the screens")
        count += 1
        if count > MAX_FILES:
            raise DrylineError(f"{folder}: more than {MAX_FILES} files; is this the right folder?")
        yield path


def _read(path: Path, folder: Path) -> ScreenFile:
    body = path.read_bytes()
    if len(body) > MAX_FILE:
        raise DrylineError(f"{path}: larger than {MAX_FILE} bytes")
    return _file("/" + path.relative_to(folder).as_posix(), body)


def _file(address: str, body: bytes) -> ScreenFile:
    kind = PurePosixPath(address).suffix
    hashes = import_map_hashes(body.decode("utf-8", "replace")) if kind == ".html" else ()
    policy = security_headers(page=True, script_hashes=hashes)
    headers = {"Content-Type": _TYPES[kind], "Vary": "Accept-Encoding", **policy}
    return ScreenFile(
        body=body,
        packed=packed(body),
        digest=hashlib.sha256(body).hexdigest(),
        headers=tuple((k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()),
        vendor=address.startswith(VENDOR),
    )


class _ImportMaps(HTMLParser):
    """Collects the texts of inline import maps, exactly as they stand."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An import map begins, or something else."""
        named = dict(attrs)
        self._inside = tag == "script" and named.get("type") == "importmap" and "src" not in named
        if self._inside:
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        """It ends."""
        self._inside = False

    def handle_data(self, data: str) -> None:
        """Its text; it may come in pieces."""
        if self._inside:
            self.texts[-1] += data


def import_map_hashes(page: str) -> tuple[str, ...]:
    """As a Content-Security-Policy names them: "sha256-...". Other inline scripts get none."""
    parser = _ImportMaps()
    parser.feed(page.replace("\r\n", "\n"))  # what browsers hash
    parser.close()
    digests = (hashlib.sha256(text.encode()).digest() for text in parser.texts)
    return tuple(f"sha256-{b64encode(digest).decode()}" for digest in digests)


class Screens:
    """The files of a folder as they are served now. workshop: the folder changes while we run."""

    def __init__(self, folder: Path, *, workshop: bool = False) -> None:
        self.folder, self.workshop = folder, workshop
        self._stamp = self._now()
        self.files = read_screens(folder)

    def digest(self) -> str:
        """Another one when any file is another: a window that has older ones can tell."""
        found = hashlib.sha256()
        for path, file in self.files.items():
            found.update(f"{path} {file.digest}\n".encode())
        return found.hexdigest()[:DIGEST]

    def refresh(self) -> None:
        """Read everything again if something has changed; blocks."""
        stamp = self._now()
        if stamp != self._stamp:
            self.files, self._stamp = read_screens(self.folder), stamp

    def _now(self) -> Stamp:
        stats = ((path, path.stat()) for path in _paths(self.folder))
        return frozenset((path, found.st_mtime_ns, found.st_size) for path, found in stats)


async def keep_fresh(screens: Screens, pool: Pool, clock: Clock) -> None:
    """Look for changes for ever."""
    while True:
        await clock.sleep_link(LOOK_S)
        with suppress(OSError):  # a file that was there a moment ago
            await pool.do(screens.refresh)


class Front:
    """Serves the screens, and leaves everything else to the application behind it."""

    def __init__(self, app: App, screens: Screens) -> None:
        self._app, self._screens = app, screens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        looks = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        found = self._find(str(scope["path"])) if looks else None
        if found is None:
            await self._app(scope, receive, send)
        else:
            await _answer(found, scope, send)

    def _find(self, path: str) -> ScreenFile | None:
        """A file, or for the address of a screen the first page, which then shows that screen."""
        files = self._screens.files
        found = files.get(path)
        return found if found is not None or not _is_screen(path) else files[INDEX]


def _is_screen(path: str) -> bool:
    """It could be the address of a screen: plain words, with no ending of a file."""
    if f"{path}/".startswith(_OWN_PATHS) or _FILE.search(path):
        return False
    parts = path.removeprefix("/").removesuffix("/").split("/")
    return parts == [""] or all(_WORD.fullmatch(part) for part in parts)


async def _answer(found: ScreenFile, scope: Scope, send: Send) -> None:
    gzipped = bool(found.packed) and reads_gzip(_given(scope, b"accept-encoding"))
    body = found.packed if gzipped else found.body
    etag = etag_of(found.digest, gzipped=gzipped)
    known = is_known(etag, _given(scope, b"if-none-match"))
    headers = [
        *found.headers,
        (b"etag", etag.encode()),
        (b"cache-control", found.caching(scope.get("query_string", b"")).encode()),
    ]
    if not known:
        headers.append((b"content-length", str(len(body)).encode()))
        headers += [(b"content-encoding", b"gzip")] if gzipped else []
    status = 304 if known else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    content = b"" if known or scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": content})


def _given(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
