"""Describe the requests that come over a WebSocket, as matching sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mitmproxy import http

from ..format import json_text
from ..format.recording import JSON
from ..request.identity import ApiRequest
from ..request.upgrade import upgrade_body
from ..trouble.terms import OwnHeaders
from .flow_state import FlowState
from .hosts import url_of
from .session import Session

_PROTOCOLS = "sec-websocket-protocol"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade to a WebSocket: its target, and values that all its messages share."""

    session: Session
    url: str
    body: JSON
    test_id: str | None
    credentials: tuple[str, ...]
    own_headers: OwnHeaders

    def api_request(self) -> ApiRequest:
        """Return the upgrade itself as a request."""
        return self._described("GET", self.body)

    def post(self, body: JSON) -> ApiRequest:
        """Return the POST that a message with this body stands for."""
        return self._described("POST", body)

    def redacted(self, message: JSON) -> JSON:
        """Return a message of the client without its secrets."""
        return self.session.rules.redactor.request("", message, self.credentials).body

    def fingerprint(self, body: JSON) -> bytes:
        """Return a digest that is the same for two POSTs that are the same."""
        described = repr((self.url, self.test_id, self.credentials, json_text.compact(body)))
        return hashlib.blake2b(described.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def _described(self, method: str, body: JSON) -> ApiRequest:
        return self.session.describe(method, self.url, body, self.test_id, self.credentials)


def upgrade_of(flow: http.HTTPFlow, state: FlowState) -> Upgrade:
    """Return the upgrade that a flow asks for."""
    protocols = flow.request.headers.get_all(_PROTOCOLS)
    url, body = url_of(flow.request, state.session.settings), upgrade_body(protocols)
    return Upgrade(state.session, url, body, state.test_id, state.credentials, state.own_headers)
