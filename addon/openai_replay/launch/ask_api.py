"""Sends recorded requests to the API, with a key, and returns the answers as they came.

A redirect is an answer like others: followed, it would take the key to another host.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import OpenAIReplayError
from ..format import json_text
from ..record.raw_exchange import HeaderList, RawExchange
from ..request.identity import ApiRequest

_LONGEST_ANSWER_S = 600

# Failures that may pass, and how often they are tried again.
_PASSING = frozenset((408, 409, 429, 500, 502, 503, 504))
_ATTEMPTS = 3
_LONGEST_WAIT_S = 60.0

_REFUSED = 401


class NotAnswered(OpenAIReplayError):
    """The API gave no answer to compare: it was not reached, is overloaded, or refuses the key."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API as a client with a key sees it; proxies and certificates come from the environment."""

    key: str

    def ask(self, api_request: ApiRequest) -> RawExchange:
        """Send a request, and return the exchange.

        Raises:
            NotAnswered: there is no answer, or none that says anything of the request.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            exchange = self._asked(api_request)
            if exchange.status == _REFUSED:
                raise NotAnswered("the API refuses the key (401)")
            if exchange.status not in _PASSING:
                return exchange
            if attempt < _ATTEMPTS:
                time.sleep(_wait_s(exchange.response_headers, attempt))
        raise NotAnswered(f"the API fails for now ({exchange.status}, {_ATTEMPTS} times)")

    def _asked(self, api_request: ApiRequest) -> RawExchange:
        body = None if api_request.method == "GET" else json_text.compact(api_request.body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            api_request.url, data=body, headers=headers, method=api_request.method
        )
        try:
            status, received, content = _answer(request)
        except (OSError, http.client.HTTPException) as exc:
            raise NotAnswered(f"the API was not reached: {exc}") from exc
        return RawExchange(
            api_request.url,
            api_request.method,
            api_request.url,
            tuple(headers.items()),
            body or b"",
            status,
            received,
            content,
            test_id=api_request.test_id,
        )


class _StayingHandler(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_StayingHandler)


def _answer(request: urllib.request.Request) -> tuple[int, HeaderList, bytes]:
    try:
        with _OPENER.open(request, timeout=_LONGEST_ANSWER_S) as response:
            return response.status, tuple(response.headers.items()), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, tuple(error.headers.items()), error.read()


def _wait_s(headers: HeaderList, attempt: int) -> float:
    """Return how long to wait before the next attempt, in seconds: the API's word, else longer each time."""
    values: Mapping[str, str] = {name.lower(): value for name, value in headers}
    try:
        return min(float(values.get("retry-after", "")), _LONGEST_WAIT_S)
    except ValueError:
        return float(2**attempt)
