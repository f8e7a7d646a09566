"""Loaded by pytest before Django's settings are: tests never touch a real var/."""

import os
import tempfile

os.environ.setdefault("WHOOSH_VAR", tempfile.mkdtemp(prefix="whoosh-tests-"))
