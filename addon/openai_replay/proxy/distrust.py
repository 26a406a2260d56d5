"""Clients that do not trust the proxy's certificate: noticed, counted, and advised once per run.

Most clients end the TLS handshake with an alert. Newer versions of libcurl, and GnuTLS, finish the handshake, check the
certificate afterwards and close the connection. So a connection to a recorded host that closes without a request
hints at distrust. But clients that trust the certificate close spare connections in the same way. So a connection
without a request counts only while no request has come.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy import ctx, tls

from ..report import Report

log = logging.getLogger(__name__)

_SET_BY_A_PERSON = (
    "Point SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, CURL_CA_BUNDLE or its trust store at %s "
    "(`openai-replay env` prints all variables), or use the base URL, which needs no certificate."
)
_SET_BY_RUN = (
    "SSL_CERT_FILE and its like are set for it, so it has its own list, as Rust's webpki-roots, pycurl and R have: "
    "try `openai-replay run --base-url`, which needs no certificate, or name %s in its own settings."
)


@dataclass(slots=True)
class DistrustingClients:
    """The client connections that have sent no request yet, and the advice for clients that leave so.

    Attributes:
        is_run: `openai-replay run` has started this proxy, and set all variables for the clients.
    """

    report: Report
    is_run: bool
    _silent: dict[str, str] = field(default_factory=dict)
    _is_advised: bool = False
    _has_request: bool = False

    def established(self, data: tls.TlsData) -> None:
        """Take note of a client whose handshake for a recorded host is done."""
        self._silent[data.conn.id] = data.conn.sni or ""

    def requested(self, connection_id: str) -> None:
        """Take note that a client has sent a request: it trusts the certificate."""
        if self._silent.pop(connection_id, None) is not None:
            self._has_request = True

    def has_request(self) -> None:
        """Take note of a request that HTTP/2 forbids, on a connection that is not known: its client trusts, too."""
        self._has_request = True

    def disconnected(self, connection_id: str) -> None:
        """Take note that a client has left."""
        host = self._silent.pop(connection_id, None)
        if host is not None and not self._has_request:
            self._advise(host, "A client finished the TLS handshake for %s and left without a request: ")

    def failed(self, host: str) -> None:
        """Take note of a handshake that a client has ended."""
        self._advise(host, "A client ended the TLS handshake for %s: ")

    def _advise(self, host: str, event: str) -> None:
        self.report.add_distrusted(host)
        if self._is_advised:
            return
        self._is_advised = True
        certificate = Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem"
        remedy = _SET_BY_RUN if self.is_run else _SET_BY_A_PERSON
        log.warning(
            f"{event}it probably does not trust the proxy's certificate. {remedy}",  # noqa: G004  # made of constants
            host,
            certificate,
        )
