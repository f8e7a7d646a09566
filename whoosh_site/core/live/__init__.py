"""Live pages: push names, pull HTML.

A service announces "call 42 changed" in the transaction of the change. One hub in each web process
tails those notices, merges a tick's worth and tells the sockets that asked; the page fetches the
fragment again through its ordinary view, which renders once per fragment, audience and tick however
many watch. Streams of tokens travel as data on the notice itself.
"""

from whoosh_site.core.live.notices import announce, last_seen, stream, together

__all__ = ["announce", "last_seen", "stream", "together"]
