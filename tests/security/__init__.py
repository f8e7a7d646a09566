"""Attacks the product must refuse; docs/developer/testing.md explains the row ids."""
