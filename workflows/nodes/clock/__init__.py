"""What nodes that a clock starts have in common."""
