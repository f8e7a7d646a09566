"""What the nodes share that reach servers by the servers' own protocols."""
