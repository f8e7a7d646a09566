"""What the nodes that handle files share: kinds of files, tables, calendars, folders."""
