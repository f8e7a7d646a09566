"""What this room tells the rooms above it."""

from django.dispatch import Signal

call_ended = Signal()
"""A call came to its end. Arguments: `pk`, and `source` as in `Call.Source`.

Sent inside the transaction of the end, so that who waits for a call has their turn written down
with it; receivers only write to the database, and briefly.
"""
