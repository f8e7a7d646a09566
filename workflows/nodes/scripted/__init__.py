"""What the nodes that run people's code share."""
