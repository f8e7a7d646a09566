"""This room's entries of the side bar."""

from whoosh_site.core.navigation import Entry, declare

declare(
    Entry(6, "Workflows", "workflows", "sitemap"),
    Entry(7, "Webhooks", "webhooks", "webhook"),
    Entry(7, "Executions", "executions", "timeline"),
    Entry(7, "Schedules", "schedules", "calendar-time"),
    Entry(8, "Approvals", "approvals", "circle-check"),
    Entry(9, "Credentials", "credentials", "key"),
    Entry(9, "Data tables", "data-tables", "table"),
)
