"""What the nodes that work on lists of items share: paths, order, and the operations themselves."""
