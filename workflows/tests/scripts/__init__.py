"""Tests of expressions and code in their own process."""
