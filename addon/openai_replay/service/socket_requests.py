"""Describe the requests that come over a WebSocket, as matching sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..format import json_text
from ..format.recording import JSON
from ..request.identity import ApiRequest
from ..trouble.terms import OwnHeaders
from .answering import Refusal, failed_replay
from .service import Service


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade to a WebSocket: its target, and values that all its messages share."""

    service: Service
    url: str
    body: JSON
    test_id: str | None
    credentials: tuple[str, ...]
    own_headers: OwnHeaders

    def api_request(self) -> ApiRequest:
        """Return the upgrade itself as a request."""
        return self._described("GET", self.body)

    def failed(self, problem: BaseException) -> Refusal:
        """Return the refusal of a conversation whose replay failed by a bug, and count it."""
        path = urlsplit(self.url).path
        return failed_replay(self.service, "GET", path, self.test_id, problem)

    def post(self, body: JSON) -> ApiRequest:
        """Return the POST that a message with this body stands for."""
        return self._described("POST", body)

    def redacted(self, message: JSON) -> JSON:
        """Return a message of the client without its secrets."""
        return self.service.rules.redactor.request("", message, self.credentials).body

    def fingerprint(self, body: JSON) -> bytes:
        """Return a digest that is the same for two POSTs that are the same."""
        described = repr((self.url, self.test_id, self.credentials, json_text.compact(body)))
        return hashlib.blake2b(described.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def _described(self, method: str, body: JSON) -> ApiRequest:
        return self.service.describe(method, self.url, body, self.test_id, self.credentials)
