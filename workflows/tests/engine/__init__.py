"""Tests of the engine: plain Python."""
