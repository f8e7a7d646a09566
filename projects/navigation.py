"""This room's entries of the side bar."""

from whoosh_site.core.navigation import Entry, declare

declare(
    Entry(8, "Tasks", "tasks", "checklist"),
    Entry(9, "Projects", "projects", "folder"),
)
