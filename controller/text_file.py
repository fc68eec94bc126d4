"""Reading a text file that people edit, strictly and with a limit, before anything parses it."""

import codecs
from pathlib import Path

from controller.core.errors import Problem

BOM = "\ufeff"
SHOWN = 60  # longest piece of a value that an error repeats


def read_text(
    path: Path, name: str, limit_bytes: int, advice: str
) -> tuple[str | None, list[Problem], list[Problem]]:
    """The text with LF line ends and no byte order mark, the problems, and the warnings.

    The text is None exactly when there are problems. name: what problems call the file;
    advice: what to do when it is not there.
    """
    try:
        if not path.is_file():
            found = "not a regular file" if path.exists() else "no such file"
            return None, [_problem(name, f"{found}: {advice}")], []
        with path.open("rb") as stream:
            raw = stream.read(limit_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or str(error)
        return None, [_problem(name, f"cannot be read: {reason}")], []
    if len(raw) > limit_bytes:
        text = f"larger than {limit_bytes // 1024} KiB: this is not the file meant, or split it"
        return None, [_problem(name, text)], []
    return _decoded(name, raw)


def _decoded(name: str, raw: bytes) -> tuple[str | None, list[Problem], list[Problem]]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, [_problem(name, "is UTF-16: save it as UTF-8", line=1)], []
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8"
        return None, [_problem(name, found, line=line)], []
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        found = "NUL character: the file is damaged or not a text, restore it"
        return None, [_problem(name, found, line=line)], []
    warnings = []
    if text.startswith(BOM):
        text = text[1:]
        found = "byte order mark ignored: save the file as UTF-8 without it"
        warnings.append(_problem(name, found, line=1))
    return text.replace("\r\n", "\n"), [], warnings


def _problem(name: str, message: str, line: int | None = None) -> Problem:
    return Problem(file=name, line=line, field="file", value="", message=message)


def shown(value: object) -> str:
    """A value as the file has it, in quotes if it is text, short enough for one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return repr(value if len(value) <= SHOWN else value[:SHOWN] + "...")
        case dict():
            return "a table"
        case list():
            return "an array"
        case int() if abs(value) >= 10**SHOWN:
            return "a number of more than 60 digits"
    return str(value)
