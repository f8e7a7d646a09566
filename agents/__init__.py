"""Room 1: hosts, models, protocols, routing, calls and health."""
