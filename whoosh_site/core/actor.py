"""Who acts: a person, a person's key, or the installation itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whoosh_site.core.models.access import ApiKey
from whoosh_site.core.models.people import User

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True)
class Actor:
    """A user, the key they used if any, or neither: the system."""

    user: User | None = None
    key: ApiKey | None = None
    name: str = "system"

    def __str__(self) -> str:
        if self.user is None:
            return self.name
        via = f" via key {self.key.prefix}" if self.key else ""
        return f"{self.user.get_username()}{via}"

    @classmethod
    def of(cls, request: HttpRequest) -> Actor:
        """Return who makes this request."""
        key = getattr(request, "auth", None)
        return cls(request.user, key if isinstance(key, ApiKey) else None)

    def has_scope(self, scope: str) -> bool:
        """People at the browser have every scope; a key only what it was given."""
        return self.key is None or scope in self.key.scopes


SYSTEM = Actor()
