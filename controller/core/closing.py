"""Closing: what every class with `close` does in a `with` block."""

from typing import Self


class Closing:
    """A `with` block closes it at its end, whatever has happened in it."""

    __slots__ = ()

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
