"""The shelf of nodes: one file is one node type of n8n, under its own name."""

from whoosh_site.core.shelf import Shelf
from workflows.engine.node import Node

shelf: Shelf[Node] = Shelf("node")
