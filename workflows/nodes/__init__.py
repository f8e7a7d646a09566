"""The shelf of nodes: one file is one node type of n8n, under its own name."""

import sys

from whoosh_site.core.shelf import Shelf, load_folder
from workflows.engine.node import Node

shelf: Shelf[Node] = Shelf("node")
load_folder(sys.modules[__name__])
