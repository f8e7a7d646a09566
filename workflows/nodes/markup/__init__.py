"""HTML, Markdown and XML: read into trees, searched, and written."""
