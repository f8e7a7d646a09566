"""Roof: settings, URLs and the ASGI application; `core` is the ground all rooms stand on."""

__version__ = "0.1.0"
