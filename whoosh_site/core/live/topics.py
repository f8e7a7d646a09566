"""What a socket may watch. Rooms put the kinds of their objects on the shelf."""

from typing import ClassVar

from whoosh_site.core.models.people import Team, User
from whoosh_site.core.shelf import Shelf


class Topic:
    """A kind of object pages can watch, written `key:id`."""

    key: ClassVar[str]

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """Say whether this user may watch this object."""
        raise NotImplementedError

    @classmethod
    def watched(cls, pk: int) -> None:
        """Hear that somebody watches this object from now on."""


LONGEST = 18  # digits of an id that every database can hold

topics: Shelf[Topic] = Shelf("live topic")
_lists: set[str] = set()


def declare_lists(*names: str) -> None:
    """Declare list topics such as "agents"; each exists once per team."""
    _lists.update(names)


def expand(user: User, wanted: str) -> list[str]:
    """Return the stored topics somebody watches now; empty when it is unknown or forbidden.

    A list topic stands for that list in every team of the user; "agents" becomes "agents@3".
    """
    kind, _, ident = wanted.partition(":")
    if not ident:
        if wanted not in _lists:
            return []
        teams = Team.objects.visible_to(user).values_list("pk", flat=True)
        return [f"{wanted}@{team}" for team in teams]
    topic = topics.get(kind)
    if topic is None or not (ident.isascii() and ident.isdecimal() and len(ident) <= LONGEST):
        return []
    if not topic.visible(user, int(ident)):
        return []
    topic.watched(int(ident))
    return [wanted]
