"""A shelf holds plug-ins of one kind: put a file in the folder and it is there."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import ClassVar, Generic, Protocol, TypeVar


class Keyed(Protocol):
    """What a plug-in must have: a class attribute `key`."""

    key: ClassVar[str]


T = TypeVar("T", bound=Keyed)


class Shelf(Generic[T]):
    """Plug-in classes of one kind, by key, in key order."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, type[T]] = {}

    def add(self, item: type[T]) -> type[T]:
        """Put a class on the shelf under its `key`; two classes with one key stop the start."""
        other = self._items.get(item.key)
        if other is not None and _origin(other) != _origin(item):
            raise ValueError(f"two {self.kind}s are called {item.key!r}: {other} and {item}")
        self._items[item.key] = item
        return item

    def get(self, key: str) -> type[T] | None:
        """Return the class with this key, or None."""
        return self._items.get(key)

    def __getitem__(self, key: str) -> type[T]:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[type[T]]:
        return iter([self._items[key] for key in sorted(self._items)])

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> list[str]:
        """Return all keys in order."""
        return sorted(self._items)


def _origin(item: type) -> tuple[str, str]:
    """Where a class was written: a module loaded twice is no second plug-in."""
    return item.__module__, item.__qualname__


def load_folder(package: ModuleType) -> None:
    """Import every module of a package so that each can register itself."""
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")
