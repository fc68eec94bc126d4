"""Headers that every answer carries, and the cookie of a session."""

from collections.abc import Mapping, Sequence

from controller.access.secret import Secret

COOKIE = "dryline-session"
HOST_PREFIX = "__Host-"  # browsers then insist on Secure, Path=/ and no Domain


def cookie_name(*, encrypted: bool) -> str:
    """The name of the session's cookie."""
    return HOST_PREFIX + COOKIE if encrypted else COOKIE


def session_cookie(own: Secret, *, encrypted: bool) -> str:
    """The Set-Cookie line of a new session; it dies with the browser or with the session."""
    secure = "; Secure" if encrypted else ""
    name = cookie_name(encrypted=encrypted)
    return f"{name}={own.reveal()}; Path=/; HttpOnly; SameSite=Strict{secure}"


def no_cookie(*, encrypted: bool) -> str:
    """The Set-Cookie line that takes it away."""
    secure = "; Secure" if encrypted else ""
    return (
        f"{cookie_name(encrypted=encrypted)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}"
    )


def content_policy(script_hashes: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of a page. script_hashes: of inline import maps, "sha256-..."."""
    scripts = " ".join(["'self'", *(f"'{h}'" for h in script_hashes)])
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        )
    )


def security_headers(
    *, page: bool = False, script_hashes: Sequence[str] = (), strict_transport: bool = False
) -> Mapping[str, str]:
    """page: a document for a browser, not an answer of the API.

    strict_transport: only with a certificate that browsers trust; with a generated one it would
    take from people the button that lets them in.
    """
    policy = content_policy(script_hashes) if page else "default-src 'none'; frame-ancestors 'none'"
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=(), payment=()",
    }
    if not page:
        headers["Cache-Control"] = "no-store"
    if strict_transport:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers
