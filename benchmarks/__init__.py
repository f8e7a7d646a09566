"""Benchmarks: each is a module to run by name, and prints figures side by side.

    .venv/bin/python -m benchmarks.calls
    .venv/bin/python -m benchmarks.idle
    .venv/bin/python -m benchmarks.latency
    .venv/bin/python -m benchmarks.live
    .venv/bin/python -m benchmarks.routing
    .venv/bin/python -m benchmarks.webhooks

They start whole installations of their own on loopback. DATABASE_URL and REDIS_URL choose the
database as in the product; without them SQLite is measured.
"""
