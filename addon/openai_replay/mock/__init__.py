"""A mock of api.openai.com on loopback: TLS, HTTP/1.1, HTTP/2 and WebSockets; scenarios are data.

    with Upstream() as upstream:
        mitmdump(
            "-s", "addon/openai_replay/proxy/companion/redirect.py",
            "--set", f"upstream_port={upstream.port}",
            "--set", f"ssl_verify_upstream_trusted_ca={upstream.ca_file}",
        )

or as a separate process: `python -m openai_replay.mock --port 0 --ca-dir DIR`.
"""

from .errors import ScenarioError
from .exchange import Outcome, Request
from .server import Upstream

__all__ = ["Outcome", "Request", "ScenarioError", "Upstream"]
