"""Attacks the product must refuse; row ids are those of the attack table in docs/security.md."""
