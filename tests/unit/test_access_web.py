"""Which requests are ours: hosts, origins, forged changes, proxies; headers, cookies, addresses."""

import pytest

from controller.access.door import may_listen
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.access.web_guard import (
    bearer_of,
    client_address,
    cookie_of,
    foreign_origin,
    forged,
    is_this_machine,
    two_credentials,
    wrong_host,
)
from controller.access.web_headers import (
    content_policy,
    cookie_name,
    no_cookie,
    security_headers,
    session_cookie,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be refused
HTTPS, HTTP = "https:" + "//", "http:" + "//"  # no address of the network in any file
OURS = HTTPS + "line.plant:8443"
FOREIGN = HTTPS + "evil.example"
SITE = AccessSettings(hosts=frozenset({"line.plant", "[::1]"}), origins=frozenset({OURS}))
CSRF = Secret("c" * 43)
PAGE = [("Host", "line.plant:8443"), ("Origin", OURS), ("X-Requested-With", "dryline"),
        ("X-CSRF-Token", "c" * 43)]  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "taken"),
    [(["line.plant"], True), (["LINE.plant:8443"], True), (["[::1]:8443"], True), ([], False),
     (["evil.example"], False), (["line.plant.evil.example"], False), (["evil.example:line.plant"],
     False), (["line.plant", "evil.example"], False), (["line.plant, evil"], False), ([""], False),
     (["line.plant:"], False), (["user@line.plant"], False)],
)  # fmt: skip
def test_hosts(hosts, taken):
    denial = wrong_host([("host", h) for h in hosts], SITE)
    assert (denial is None) == taken
    assert denial is None or denial.status == 421


@pytest.mark.parametrize(
    ("origins", "taken"),
    [([OURS], True), ([OURS.upper()], True), ([], False), (["null"], False),
     ([FOREIGN], False), ([HTTP + "line.plant:8443"], False),
     ([HTTPS + "line.plant"], False), ([OURS + ".evil.example"], False), ([OURS, OURS], False),
     ([OURS, FOREIGN], False), ([""], False)],
)  # fmt: skip
@pytest.mark.parametrize("socket", [True, False])
def test_origins_of_changes_and_sockets(origins, taken, socket):
    headers = [("Origin", o) for o in origins]
    method = "GET" if socket else "POST"
    denial = foreign_origin(method, headers, SITE, by_cookie=True, socket=socket)
    assert (denial is None) == taken


def test_reading_without_an_origin_is_what_browsers_do():
    assert foreign_origin("GET", [], SITE, by_cookie=True, socket=False) is None
    foreign = [("Origin", FOREIGN)]
    assert foreign_origin("GET", foreign, SITE, by_cookie=True, socket=False) is not None


def test_a_script_has_no_origin_but_a_page_that_uses_its_token_has():
    assert foreign_origin("POST", [], SITE, by_cookie=False, socket=False) is None
    foreign = [("Origin", FOREIGN)]
    assert foreign_origin("POST", foreign, SITE, by_cookie=False, socket=False) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_browser_that_says_the_request_is_from_elsewhere_is_believed(site):
    headers = [*PAGE, ("Sec-Fetch-Site", site)]
    assert foreign_origin("POST", headers, SITE, by_cookie=True, socket=False) is not None


def test_our_page_passes_every_check():
    headers = [*PAGE, ("Sec-Fetch-Site", "same-origin")]
    assert wrong_host(headers, SITE) is None
    assert foreign_origin("POST", headers, SITE, by_cookie=True, socket=False) is None
    assert forged("POST", headers, CSRF) is None


@pytest.mark.parametrize("left_out", ["X-Requested-With", "X-CSRF-Token"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "ANYTHING"])
def test_a_change_without_what_only_our_page_knows_is_forged(left_out, method):
    headers = [pair for pair in PAGE if pair[0] != left_out]
    denial = forged(method, headers, CSRF)
    assert denial is not None
    assert denial.code == "csrf"


@pytest.mark.parametrize("token", ["", "c" * 42, "C" * 43, "c" * 44, "ç" * 43])
def test_a_token_of_another_session_is_forged(token):
    headers = [*PAGE[:3], ("X-CSRF-Token", token)]
    assert forged("POST", headers, CSRF) is not None
    twice = [*PAGE, ("X-CSRF-Token", token)]
    assert forged("POST", twice, CSRF) is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_no_token(method):
    assert forged(method, [], CSRF) is None


def test_one_cookie_or_one_token():
    cookie, bearer = ("Cookie", "a=1; s=abc; b=2"), ("Authorization", "Bearer dryline_x")
    assert two_credentials([cookie], "s") is None
    assert two_credentials([bearer], "s") is None
    assert two_credentials([cookie, bearer], "s") is not None
    assert two_credentials([bearer, bearer], "s") is not None
    assert two_credentials([("Cookie", "s=abc; s=def")], "s") is not None
    assert two_credentials([cookie, ("Cookie", "s=def")], "s") is not None
    found = cookie_of([cookie], "s")
    assert found is not None
    assert found.reveal() == "abc"
    assert cookie_of([("Cookie", "xs=abc; s_=1")], "s") is None


@pytest.mark.parametrize(
    ("value", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None),
     ("Bearer ", None), ("abc", None)],
)  # fmt: skip
def test_tokens_of_scripts_stand_in_the_header(value, token):
    found = bearer_of([("Authorization", value)])
    assert (found.reveal() if found else None) == token


# -- where a request comes from ------------------------------------------------------------------


def test_nobody_becomes_another_by_a_header():
    forged_headers = [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")]
    assert client_address("192.0.2.1", forged_headers) == ("192.0.2.1", True)


def test_behind_a_proxy_that_is_not_named_nobody_is_the_console():
    assert client_address("127.0.0.1", [("Via", "1.1 nginx")]) == ("127.0.0.1", True)
    assert client_address("127.0.0.1", []) == ("127.0.0.1", False)


@pytest.mark.parametrize(
    ("hops", "address"),
    [("192.0.2.9", "192.0.2.9"), ("127.0.0.1, 192.0.2.9", "192.0.2.9"),
     ("192.0.2.9, 10.0.0.2", "192.0.2.9"), ("nonsense", "10.0.0.1"), ("", "10.0.0.1")],
)  # fmt: skip
def test_of_a_named_proxy_the_last_hop_that_is_none_counts(hops, address):
    proxies = {"10.0.0.1", "10.0.0.2"}
    headers = [("X-Forwarded-For", hops)]
    assert client_address("10.0.0.1", headers, proxies) == (address, True)


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("terminal", True),
     ("localhost", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), (EVERYWHERE, False),
     ("::", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_what_is_this_machine(address, own):
    assert is_this_machine(address) == own


@pytest.mark.parametrize(
    ("address", "encrypted", "administrator", "may"),
    [("127.0.0.1", False, False, True), ("::1", False, True, True),
     (EVERYWHERE, False, True, False), (EVERYWHERE, True, False, False),
     ("10.0.0.1", False, False, False), (EVERYWHERE, True, True, True)],
)  # fmt: skip
def test_only_loopback_until_there_are_tls_and_an_administrator(
    address, encrypted, administrator, may
):
    told = may_listen(address, encrypted=encrypted, administrator=administrator)
    assert (told == "") == may


# -- headers and cookies -------------------------------------------------------------------------


def test_a_page_runs_its_own_scripts_only():
    policy = dict(p.split(" ", 1) for p in content_policy(["sha256-abc"]).split("; "))
    assert policy["script-src"] == "'self' 'sha256-abc'"
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in content_policy()


def test_every_answer_has_the_headers_and_those_of_the_api_are_not_kept():
    for page in (True, False):
        headers = security_headers(page=page)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert ("Cache-Control" in headers) == (not page)
        assert "Strict-Transport-Security" not in headers
    assert "Strict-Transport-Security" in security_headers(strict_transport=True)


@pytest.mark.parametrize("encrypted", [True, False])
def test_the_cookie_is_kept_from_scripts_and_other_sites(encrypted):
    line = session_cookie(Secret("abc"), encrypted=encrypted)
    assert line.startswith(cookie_name(encrypted=encrypted) + "=abc;")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(line.split("; "))
    assert line.endswith("Secure") == encrypted
    assert line.startswith("__Host-") == encrypted
    assert "Domain" not in line
    assert "Max-Age=0" in no_cookie(encrypted=encrypted)
