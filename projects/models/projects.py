"""Projects: what a team's tasks belong to."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import Team, User


class ProjectQuerySet(models.QuerySet["Project"]):
    """Questions about many projects."""

    def visible_to(self, user: User) -> Self:
        """Projects of the user's teams."""
        return self if user.is_superuser else self.filter(team__in=user.roles)

    def with_counts(self) -> Self:
        """With the number of tasks, and of those that are not done with, by name."""
        still = models.Q(tasks__state__in=("held", "queued"))
        rows = self.select_related("team").annotate(
            task_count=models.Count("tasks"), open_count=models.Count("tasks", filter=still)
        )
        return rows.order_by("name")


class Project(models.Model):
    """A name tasks are gathered under."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="project_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the project's page."""
        return f"/projects/{self.pk}/"
