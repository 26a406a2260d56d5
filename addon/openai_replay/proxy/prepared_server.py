"""The process of `openai-replay run`'s proxy: import all modules first, then wait for the configuration.

Usage: python -m openai_replay.proxy.prepared_server

Standard input has one line of JSON, {"arguments": mitmdump's, "environment": all variables}; `launch/prepared_proxy.py`
writes it. Later the proxy ends with the end of standard input, see `companion`.
"""

from __future__ import annotations

import gc
import json
import os
import sys


def serve_when_configured() -> None:
    """Run the proxy of the configuration that comes; end when none comes."""
    gc.disable()  # imports make nothing but objects that stay: a tenth of their time
    from .serve import import_all, run_proxy

    import_all()
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    configuration = json.loads(line)
    os.environ.clear()
    os.environ.update(configuration["environment"])
    sys.argv[1:] = configuration["arguments"]
    run_proxy(configuration["arguments"])


if __name__ == "__main__":
    serve_when_configured()
