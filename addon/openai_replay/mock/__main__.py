"""`python -m openai_replay.mock`: the mock API as a process. A line of JSON says where it listens; SIGTERM ends it."""

from __future__ import annotations

import argparse
import json
import signal
from pathlib import Path

from . import Upstream


def main() -> None:
    """Serve until SIGTERM or SIGINT. Prints `{"port": …, "plain_port": …, "ca_file": …}` once it listens."""
    given = _arguments()
    given.ca_dir.mkdir(parents=True, exist_ok=True)
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the upstream starts its thread, so that only the wait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Upstream(
        port=given.port, plain=given.plain, ca_dir=given.ca_dir, scenarios=given.scenarios
    ) as upstream:
        where = {"port": upstream.port, "plain_port": upstream.plain_port, "ca_file": str(upstream.ca_file)}
        print(json.dumps(where), flush=True)
        signal.sigwait(ends)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m openai_replay.mock", description="Stand in for api.openai.com."
    )
    parser.add_argument("--port", type=int, default=0, help="with TLS on 127.0.0.1; 0: any free one")
    parser.add_argument("--plain", action="store_true", help="listen with plain HTTP, too")
    parser.add_argument("--ca-dir", type=Path, required=True, help="where upstream-ca.pem is written")
    parser.add_argument(
        "--scenarios", type=Path, action="append", default=[], help="a folder of scenario files"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
