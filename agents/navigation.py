"""This room's entries of the side bar."""

from whoosh_site.core.navigation import Entry, declare

declare(
    Entry(1, "Ask", "ask", "message"),
    Entry(2, "Agents", "agents", "server"),
    Entry(3, "Models", "models", "box"),
    Entry(4, "Capabilities", "matrix", "table"),
    Entry(5, "Calls", "calls", "history"),
)
