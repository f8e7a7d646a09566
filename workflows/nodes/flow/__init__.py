"""What several nodes of the flow share: filters, old comparisons, matching of two inputs."""
