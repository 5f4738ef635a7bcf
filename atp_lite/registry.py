"""A registry: a dictionary with a decorator. Rewards, heads, advantages and domains are found by name."""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class Registry(dict[str, T]):
    """Name -> entry. Looking up an unknown name lists those there are.

    Args:
        kind: what an entry is, in the singular, for error messages: "reward".
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds what it decorates under `name`. A name can be taken only once.

        Raises:
            ValueError: the name is taken.
        """

        def add(entry: T) -> T:
            if name in self:
                owner = getattr(self[name], "__module__", "somewhere")
                raise ValueError(f"there is a {self.kind} {name!r} already ({owner}): choose another name")
            self[name] = entry
            return entry

        return add

    def check(self, *names: str) -> None:
        """Raise ValueError for the first name that is not registered."""
        for name in names:
            if name not in self:
                raise ValueError(
                    f"no {self.kind} is called {name!r}: choose from {', '.join(sorted(self))}, or import the module "
                    "that registers yours (--import MODULE)"
                )

    def __missing__(self, name: str) -> T:
        self.check(name)
        raise KeyError(name)  # never reached: `check` has raised


@cache
def registries_of(settings: type) -> dict[str, Registry[Any]]:
    """The fields of a dataclass that hold names of a registry, and which: `reward: Annotated[str, REWARDS]`."""
    hints = typing.get_type_hints(settings, include_extras=True)
    pairs = [(name, about) for name, hint in hints.items() for about in getattr(hint, "__metadata__", ())]
    return {name: about for name, about in pairs if isinstance(about, Registry)}


def check_registered(settings: Any) -> None:
    """Raise ValueError where a field holds a name, or a mapping with a name, that its registry does not have."""
    for field, registry in registries_of(settings.__class__).items():
        value = getattr(settings, field)
        registry.check(*([value] if isinstance(value, str) else value or ()))
