"""What nodes that are called from outside share: their fields, and what they answer."""
