"""Dates: read from any value, moved, and written with the tokens of moment and Luxon."""
