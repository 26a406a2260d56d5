"""A test certificate authority, and a certificate with the names of the API's hosts."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme

HOSTS = (
    "api.openai.com",
    "*.openai.azure.com",
    "openrouter.ai",
    "api.anthropic.com",
    "vllm.example",
    "ollama.example",
    "other.example",
    "localhost",
    "127.0.0.1",
)
PROTOCOLS = ("h2", "http/1.1")


def server_context(hosts: Sequence[str], protocols: Sequence[str], ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context that is `hosts`, having written the authority to trust for it to `ca_file`.

    Args:
        hosts: names for the certificate; `*.` and IP addresses allowed.
        protocols: offered by ALPN (RFC 7301), the preferred one first.
        ca_file: where the authority's PEM goes; replaced when it exists.
    """
    authority = trustme.CA(organization_name="openai-replay test upstream")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(list(protocols))
    authority.issue_cert(*hosts).configure_cert(context)
    return context
