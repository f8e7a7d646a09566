"""Users, teams and who is what in which team."""

from typing import Any, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import cached_property


class Role(models.TextChoices):
    """What a member may do in a team; each role includes the ones before it."""

    VIEWER = "viewer", "Viewer: sees everything of the team"
    EDITOR = "editor", "Editor: also starts work and changes things"
    OWNER = "owner", "Owner: also manages members"

    @property
    def rank(self) -> int:
        """Position in the ladder, viewer 0."""
        return list(Role).index(self)


LONGEST_NAME = 254  # of a user name or an e-mail address


class UserQuerySet(models.QuerySet["User"]):
    """Questions about many users."""

    def visible_to(self, user: "User") -> Self:
        """People the user may see: everyone for an admin, else team mates and themselves."""
        if user.is_superuser:
            return self
        mates = models.Q(memberships__team__in=user.roles) | models.Q(pk=user.pk)
        return self.filter(mates).distinct()

    def administrators(self) -> Self:
        """Those who administer the installation and may sign in."""
        return self.filter(is_superuser=True, is_active=True)

    def named(self, text: str) -> Self:
        """Active or not, the user with this user name or e-mail address (any case).

        Names go first: nobody answers to another's name by entering it as their address.
        """
        if len(text) > LONGEST_NAME:
            return self.none()
        by_name = self.filter(username__iexact=text)
        return by_name if by_name.exists() else self.filter(email__iexact=text)


class Users(UserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Django's user manager with our questions."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find by user name, any case."""
        return self.get(username__iexact=username)


class User(AbstractUser):
    """A person. Superusers administer the installation; everybody else acts through teams."""

    preferences = models.JSONField(default=dict, blank=True)

    objects = Users()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_any_case"),
            models.UniqueConstraint(
                Lower("email"), name="user_email_any_case", condition=~models.Q(email="")
            ),
        ]

    @cached_property
    def roles(self) -> dict[int, Role]:
        """Role by team id. Read once per instance, so once per request."""
        rows = self.memberships.values_list("team_id", "role")
        return {team_id: Role(role) for team_id, role in rows}

    @property
    def home_team(self) -> "Team | None":
        """Team that owns what this user makes without naming one."""
        if self.is_superuser:  # whose teams others choose, by making them a member
            return Team.first_made()
        return Team.objects.filter(memberships__user=self).order_by("memberships__pk").first()

    @property
    def audience(self) -> tuple[Any, ...]:
        """Everything that decides what this user sees; equal audiences see equal pages."""
        ladder = tuple(sorted((team, role.rank) for team, role in self.roles.items()))
        return (self.is_superuser, self.is_staff, ladder)


class TeamQuerySet(models.QuerySet["Team"]):
    """Questions about many teams."""

    def visible_to(self, user: User) -> Self:
        """Teams the user belongs to; all of them for an admin."""
        return self if user.is_superuser else self.filter(pk__in=user.roles)


class Team(models.Model):
    """Owner of every top-level object. A fresh installation has one."""

    name = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def first_made(cls) -> "Team | None":
        """The oldest team: what the system makes without naming one is its."""
        return cls.objects.order_by("pk").first()

    @property
    def team_ids(self) -> list[int]:
        """The team itself: its own members decide about it."""
        return [self.pk]


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Questions about many memberships."""

    def visible_to(self, user: User) -> Self:
        """Memberships of the user's teams; all of them for an admin."""
        return self if user.is_superuser else self.filter(team__in=user.roles)


class Membership(models.Model):
    """One person's role in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_role_per_team")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}: {self.role}"
