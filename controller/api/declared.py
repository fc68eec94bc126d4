"""Routes that say who may use them. What does not say it is not built.

A route is a function with a declaration. `GuardedRoute` looks at the declaration before anything
of the request is read: first who asks, then whether he may, then whether the same was asked before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, TypedDict, TypeVar, Unpack

from controller.access.demands import DEMANDS, Act
from controller.access.roles import Permission

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
MARK = "__dryline_route__"


class Anybody(Enum):
    """Who may use a route for which no permission is needed."""

    OPEN = "open"  # everybody, without a name
    KNOWN = "known"  # who is logged in, whatever his roles


Needs = Anybody | Act | tuple[Act, ...]  # of several acts one must be possible; the route asks more


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a route is. repeats: it takes an Idempotency-Key; passing: what it makes, as a proposal,
    is over with this process, so that its answer need not outlive that; ticket: a password entered
    again for just this; told: the outer layer writes a line into the log, for a proposal is no
    change and what is carried out is told by who does it; words: of the reference page."""

    method: str
    path: str
    needs: Needs
    group: str
    words: str
    status: int = 200
    repeats: bool = True
    passing: bool = False
    ticket: bool = False
    told: bool = True
    answers: Mapping[str, Any] | None = None
    codes: Sequence[str] = ()
    openapi: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def changes(self) -> bool:
        """It may change something."""
        return self.method not in ("GET", "HEAD")

    @property
    def acts(self) -> tuple[Act, ...]:
        """The acts of which one must be possible; none for what needs no permission."""
        if isinstance(self.needs, Anybody):
            return ()
        return self.needs if isinstance(self.needs, tuple) else (self.needs,)

    @property
    def permissions(self) -> frozenset[Permission]:
        """Of which one is needed."""
        return frozenset(DEMANDS[act].permission for act in self.acts)


class More(TypedDict, total=False):
    """What a declaration may say beside method, path and needs; as in `Declared`."""

    status: int
    repeats: bool
    passing: bool
    ticket: bool
    answers: Mapping[str, Any]
    codes: Sequence[str]
    openapi: Mapping[str, Any]


class Routes:
    """The routes of one subject, collected for `create_app`. told: as in `Declared`."""

    def __init__(self, group: str, *, told: bool = True) -> None:
        self.group, self.told = group, told
        self.all: list[tuple[Declared, Callable[..., Any]]] = []

    def get(self, path: str, needs: Needs, **more: Unpack[More]) -> Callable[[Endpoint], Endpoint]:
        """A route that only looks."""
        return self._route("GET", path, needs, **more)

    def post(self, path: str, needs: Needs, **more: Unpack[More]) -> Callable[[Endpoint], Endpoint]:
        """A route that does something."""
        return self._route("POST", path, needs, **more)

    def put(self, path: str, needs: Needs, **more: Unpack[More]) -> Callable[[Endpoint], Endpoint]:
        """A route that puts something in the place of something."""
        return self._route("PUT", path, needs, **more)

    def delete(
        self, path: str, needs: Needs, **more: Unpack[More]
    ) -> Callable[[Endpoint], Endpoint]:
        """A route that ends something."""
        return self._route("DELETE", path, needs, **more)

    def _route(
        self, method: str, path: str, needs: Needs, **more: Unpack[More]
    ) -> Callable[[Endpoint], Endpoint]:
        def declare(endpoint: Endpoint) -> Endpoint:
            words = " ".join((endpoint.__doc__ or "").split())
            declared = Declared(
                method=method, path=path, needs=needs, group=self.group, words=words,
                told=self.told, **more,
            )  # fmt: skip
            setattr(endpoint, MARK, declared)
            self.all.append((declared, endpoint))
            return endpoint

        return declare
