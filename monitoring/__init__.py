"""Room 4: metrics, alert rules, notifications and dashboards. Not furnished yet."""
