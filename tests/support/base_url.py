"""Requests to the proxy in base-URL mode, byte for byte as the test says, and their answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openai_replay.mock import Upstream
from support.requests import CHAT_PATH

from .proxy import CEILING_S, Proxy

REVERSE = "reverse:https://api.openai.com"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)

    def is_miss(self) -> bool:
        """Tell whether this is the proxy's word that there is no recording."""
        return self.status == 400 and b'"recording_not_found"' in self.body


class BaseURL:
    """One connection to a proxy in base-URL mode, kept open from request to request."""

    def __init__(self, running: Proxy) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=CEILING_S)

    def send(
        self,
        body: bytes | str | dict[str, Any] | None = None,
        path: str = CHAT_PATH,
        *,
        method: str = "",
        content_type: str | None = "application/json",
        headers: Mapping[str, str | bytes] | None = None,
        test_id: str = "",
    ) -> Reply:
        """Send a request; a dict is sent as JSON, and without a body it is a GET."""
        content = json.dumps(body) if isinstance(body, dict) else body
        if isinstance(content, str):
            content = content.encode()
        all_headers: dict[str, str | bytes] = {**(headers or {})}
        if content_type is not None and content is not None:
            all_headers["content-type"] = content_type
        if test_id:
            all_headers["x-test-id"] = test_id
        self._connection.request(method or ("GET" if content is None else "POST"), path, content, all_headers)
        response = self._connection.getresponse()
        return Reply(response.status, dict(response.headers), response.read())

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> BaseURL:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answer_in_turn(upstream: Upstream, *texts: str, path: str = "*") -> None:
    """Let the upstream say these texts in turn, and then the last one again, for any request at `path`."""
    upstream.add({"match": {"path": path}, "sequence": [{"json": {"said": text}} for text in texts]})


def said(reply: Reply) -> str:
    """Return the text of `answer_in_turn` that a reply says, "miss" if it says that there is no recording."""
    return "miss" if reply.is_miss() else str(reply.json()["said"])
