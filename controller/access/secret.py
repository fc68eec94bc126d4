"""A text that must not be shown: passwords, session ids, keys of second factors."""

from typing import NoReturn, final

HIDDEN = "Secret(...)"


@final
class Secret:
    """Holds a text and never shows it; `reveal` where it is checked, sent or stored."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Not into logs, messages, arguments or the audit trail."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, _: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor written down")
