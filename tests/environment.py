"""Loaded by pytest before Django's settings are: tests never touch a real var/.

Each worker of `pytest -n` has a state folder and a Redis database of its own.
"""

import atexit
import os
import shutil
import tempfile

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if WORKER or "WHOOSH_VAR" not in os.environ:
    folder = tempfile.mkdtemp(prefix="whoosh-tests-")
    os.environ["WHOOSH_VAR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

if WORKER and os.environ.get("REDIS_URL"):
    server, _, number = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{int(number) - 1 - int(WORKER.removeprefix('gw'))}"
