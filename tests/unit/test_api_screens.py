"""The screens as files: what is served, under which headers, and what is not there."""

import base64
import hashlib
import os
from urllib.parse import unquote

import httpx
import pytest

from controller.api.app import outer
from controller.api.screens import (
    Front,
    Screens,
    import_map_hashes,
    keep_fresh,
    read_screens,
    shipped_folder,
)
from controller.core.errors import DrylineError
from tests.support.api_rig import NAME, ORIGIN, api_rig

MAP = '\n{"imports": {"preact": "/vendor/preact.js?h=0123456789"}}\n'
PAGE = (
    f'<!doctype html><title>x</title><script type="importmap">{MAP}</script>'
    '<script type="module" src="/main.js"></script><script>alert(1)</script>'
)
WORDS = "export const words = 'many, many words';\n" * 50
SCREEN_PATHS = ("/", "/coater", "/trends", "/runs/coater-2611-07", "/alarms/", "/api-docs",
                "/recipes/coater/nmc-standard/1.0.0", "/loop/COAT.V.LINE")  # fmt: skip
OWN_PATHS = ("/api", "/api/v1/nothing", "/vendor/none", "/vendor", "/metrics/x")


def made(tmp_path):
    root = tmp_path / "static"
    (root / "vendor").mkdir(parents=True)
    (root / "i18n").mkdir()
    (root / "index.html").write_text(PAGE)
    (root / "main.js").write_text("export {};\n")
    (root / "i18n" / "ja.json").write_text("{}")
    (root / "words.js").write_text(WORDS)
    (root / "vendor" / "preact.js").write_text("export const h = 1;\n")
    (root / "notes.py").write_text("secret = 1\n")
    (root / ".hidden.js").write_text("secret\n")
    (tmp_path / "outside.js").write_text("secret\n")
    return root


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return made(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
async def browser(served):
    with api_rig(served.parent) as line:
        app = outer(Front(line.app, Screens(served)), line.parts)
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as found:
            yield found


def scripts_of(answer: httpx.Response) -> str:
    parts = answer.headers["content-security-policy"].split("; ")
    return next(part for part in parts if part.startswith("script-src "))


async def raw(client: httpx.AsyncClient, path: str) -> tuple[int, bytes]:
    """As it stands: a client would tidy up a path."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": unquote(path), "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", NAME.encode())], "scheme": "http",
        "client": ("10.0.0.9", 1), "server": (NAME, 8040), "root_path": "", "state": {},
    }  # fmt: skip
    await client._transport.app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize("path", SCREEN_PATHS)
async def test_the_address_of_a_screen_gives_the_first_page(browser, path):
    answer = await browser.get(path)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", OWN_PATHS)
async def test_an_address_of_the_api_or_of_a_file_never_gives_the_first_page(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "path"


async def test_the_import_map_of_the_page_runs_and_other_scripts_in_it_do_not(browser):
    digest = base64.b64encode(hashlib.sha256(MAP.encode()).digest()).decode()
    answer = await browser.get("/")
    assert scripts_of(answer) == f"script-src 'self' 'sha256-{digest}'"
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_every_file_has_its_type_a_tag_and_the_policy_of_a_page(browser):
    answer = await browser.get("/i18n/ja.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert scripts_of(answer) == "script-src 'self'"
    assert len(answer.headers["etag"]) > 10
    assert (await browser.get("/main.js")).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("sent", ["{}", '"x", {}', "W/{}"])
async def test_what_a_browser_has_is_not_sent_again(browser, sent):
    etag = (await browser.get("/main.js")).headers["etag"]
    answer = await browser.get("/main.js", headers={"if-none-match": sent.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize(
    ("sent", "packed"),
    [("gzip", True), ("br;q=1.0, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000", False),
     ("identity", False), ("gzipped, x-gzip", False), ("", False)],
)  # fmt: skip
async def test_a_file_goes_out_compressed_to_who_reads_that(browser, sent, packed):
    answer = await browser.get("/words.js", headers={"accept-encoding": sent})
    assert answer.text == WORDS
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (int(answer.headers["content-length"]) < len(WORDS)) is packed
    assert answer.headers["vary"] == "Accept-Encoding"
    other = await browser.get("/words.js", headers={"accept-encoding": "" if packed else "gzip"})
    assert other.headers["etag"] != answer.headers["etag"]
    again = {"accept-encoding": sent, "if-none-match": answer.headers["etag"]}
    assert (await browser.get("/words.js", headers=again)).status_code == 304


async def test_a_file_that_does_not_become_smaller_goes_out_as_it_is(browser):
    answer = await browser.get("/i18n/ja.json", headers={"accept-encoding": "gzip"})
    assert (answer.text, answer.headers.get("content-encoding")) == ("{}", None)


async def test_a_head_request_has_the_headers_alone(browser, served):
    answer = await browser.head("/main.js")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == (served / "main.js").stat().st_size


async def test_a_vendor_file_is_kept_for_ever_only_under_the_hash_of_its_content(browser, served):
    digest = hashlib.sha256((served / "vendor" / "preact.js").read_bytes()).hexdigest()

    async def caching(query: str, path: str = "/vendor/preact.js") -> str:
        return (await browser.get(f"{path}?{query}")).headers["cache-control"]

    assert "immutable" in await caching(f"h={digest[:12]}")
    for query in ("", "h=", f"h={digest[:4]}", "h=0123456789", f"x={digest}", "h"):
        assert await caching(query) == "no-cache", query
    own = hashlib.sha256((served / "main.js").read_bytes()).hexdigest()
    assert await caching(f"h={own}", "/main.js") == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["/../outside.js", "/%2e%2e/outside.js", "/..%2foutside.js", "/vendor/../../outside.js",
     "/..%5coutside.js", "//outside.js", "/./main.js", "/vendor//preact.js", "/notes.py",
     "/.hidden.js", "/main.js/", "/main.js%00", "/%00", "/main.js.map", "/../../../../etc/passwd",
     "/..%2f..%2f..%2f..%2fetc%2fpasswd", "/static/%252e%252e/x", "/\\etc\\passwd"],
)  # fmt: skip
async def test_no_path_leads_to_anything_else(browser, path):
    status, body = await raw(browser, path)
    assert status == 404
    assert b"secret" not in body
    assert b"root:" not in body


async def test_a_page_is_not_served_to_another_host_and_takes_no_changes(browser):
    assert (await browser.get("/", headers={"host": "evil"})).status_code == 421
    assert (await browser.post("/")).status_code == 404
    assert (await browser.post("/main.js")).status_code == 404


def test_a_link_out_of_the_folder_stops_the_start(folder):
    (folder / "leak.js").symlink_to(folder.parent / "outside.js")
    with pytest.raises(DrylineError, match="leads out"):
        read_screens(folder)


def test_a_folder_without_a_first_page_stops_the_start(folder):
    (folder / "index.html").unlink()
    with pytest.raises(DrylineError, match="is missing"):
        Screens(folder)


def test_a_file_that_is_too_large_stops_the_start(folder):
    with (folder / "large.js").open("wb") as stream:
        stream.truncate(9_000_000)
    with pytest.raises(DrylineError, match="larger than"):
        read_screens(folder)


def test_only_inline_import_maps_are_hashed():
    assert import_map_hashes('<script type="importmap" src="/x"></script><script>1</script>') == ()
    assert len(import_map_hashes(PAGE)) == 1
    windows = import_map_hashes(PAGE.replace("\n", "\r\n"))
    assert windows == import_map_hashes(PAGE)


async def test_a_workshop_shows_what_was_saved(folder, tmp_path):
    with api_rig(tmp_path) as line:
        screens = Screens(folder, workshop=True)
        before = screens.files
        screens.refresh()
        assert screens.files is before
        (folder / "main.js").write_text("export const a = 2;\n")
        os.utime(folder / "main.js", (1, 1))
        (folder / "new.js").write_text("export {};\n")
        async with _Rounds(1) as clock:
            await clock.through(keep_fresh(screens, line.parts.pools.files, clock))
        assert screens.files["/main.js"].body == b"export const a = 2;\n"
        assert "/new.js" in screens.files


class _Enough(Exception):
    """The clock of the test has given its rounds."""


class _Rounds:
    """A clock that lets somebody look a number of times."""

    def __init__(self, count: int) -> None:
        self.left = count

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        assert self.left < 0

    async def sleep_link(self, _):
        self.left -= 1
        if self.left < 0:
            raise _Enough

    async def through(self, work):
        with pytest.raises(_Enough):
            await work


def test_the_screens_that_come_with_the_program_are_found():
    folder = shipped_folder()
    assert folder is not None
    assert "/index.html" in read_screens(folder)


def test_another_file_is_another_digest(folder):
    screens = Screens(folder, workshop=True)
    before = screens.digest()
    assert Screens(folder).digest() == before
    (folder / "main.js").write_text("export { };\n")
    screens.refresh()
    assert screens.digest() != before
