"""What expressions and nodes find beside the data of a run: variables, and what was remembered."""

import hashlib
from typing import Self

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import Team, User
from workflows.models.workflows import Workflow

NAME = RegexValidator(
    r"\A[A-Za-z_][A-Za-z0-9_]*\Z", "Letters, digits and _; it does not begin with a digit."
)


class VariableQuerySet(models.QuerySet["Variable"]):
    """Questions about many variables."""

    def visible_to(self, user: User) -> Self:
        """Variables of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)


class Variable(models.Model):
    """A value the expressions of a team's workflows read as `$vars.name`. No place for secrets."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="variables")
    name = models.CharField(max_length=50, validators=[NAME])
    value = models.TextField(blank=True, max_length=1000)

    objects = VariableQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="variable_name")]

    def __str__(self) -> str:
        return self.name


class Remembered(models.Model):
    """A key a node of a workflow has seen in an earlier run (Remove Duplicates)."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="remembered")
    scope = models.CharField(max_length=64, help_text="SHA-256 of the node's own scope")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the value")
    value = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "scope", "digest"], name="remembered_once")
        ]
        indexes = [models.Index(fields=["workflow", "scope", "-id"], name="remembered_newest")]

    def __str__(self) -> str:
        return self.value[:80]


def digest(text: str) -> str:
    """Return what a text is looked up by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
