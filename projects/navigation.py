"""This room's entries of the side bar."""

from whoosh_site.core.navigation import Entry, declare

declare(
    Entry(7, "Tasks", "tasks", "checklist"),
    Entry(8, "Projects", "projects", "folder"),
)
