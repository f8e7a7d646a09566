"""Nodes that reach servers by their own protocols, driven by whole runs against real servers."""
