"""Make up the headers of an answer that change with each one, for programs that route or wait by them.

No recording keeps them. `x-request-id` is another id for each answer. The rate limits follow the API's documentation
(https://platform.openai.com/docs/guides/rate-limits): the remaining requests and tokens of the current minute.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

REQUEST_ID = "x-request-id"
RATE_LIMITS = "x-ratelimit"

_FORM = re.compile(rf"{RATE_LIMITS}=(?P<requests>[1-9][0-9]*)/(?P<tokens>[1-9][0-9]*)", re.ASCII)

_MINUTE_S = 60.0

# About so many bytes of an answer are a token.
_BYTES_PER_TOKEN = 4

type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MadeHeaders:
    """Which headers are made up. The limits are for a minute, 0 without."""

    has_request_id: bool = False
    requests: int = 0
    tokens: int = 0

    def are_none(self) -> bool:
        """Tell whether answers stay as they are."""
        return not self.has_request_id and not self.requests


def parse_made_headers(texts: Iterable[str]) -> MadeHeaders:
    """Read the values of the option.

    Raises:
        ValueError: a text makes no sense; the message names it and the allowed forms.
    """
    has_request_id, requests, tokens = False, 0, 0
    for text in texts:
        match = _FORM.fullmatch(text.strip())
        if match:
            requests, tokens = int(match["requests"]), int(match["tokens"])
        elif text.strip() == REQUEST_ID:
            has_request_id = True
        else:
            raise ValueError(
                f"{text!r}: expected {REQUEST_ID} or {RATE_LIMITS}=REQUESTS/TOKENS, both a minute"
            )
    return MadeHeaders(has_request_id, requests, tokens)


@dataclass(slots=True)
class Allowance:
    """The requests and tokens of the minute that runs; times are in seconds of any clock."""

    begun_s: float = 0.0
    requests: int = 0
    tokens: int = 0

    def headers(self, made: MadeHeaders, answer_bytes: int, now_s: float) -> Headers:
        """Return the headers of one more answer."""
        request_id = ((REQUEST_ID, f"req_{secrets.token_hex(16)}"),) if made.has_request_id else ()
        return (*request_id, *self._limits(made, answer_bytes, now_s)) if made.requests else request_id

    def _limits(self, made: MadeHeaders, answer_bytes: int, now_s: float) -> Headers:
        if now_s - self.begun_s >= _MINUTE_S:
            self.begun_s, self.requests, self.tokens = now_s, 0, 0
        self.requests += 1
        self.tokens += answer_bytes // _BYTES_PER_TOKEN
        reset = f"{_MINUTE_S - (now_s - self.begun_s):.3f}s"
        return (
            ("x-ratelimit-limit-requests", str(made.requests)),
            ("x-ratelimit-limit-tokens", str(made.tokens)),
            ("x-ratelimit-remaining-requests", str(max(0, made.requests - self.requests))),
            ("x-ratelimit-remaining-tokens", str(max(0, made.tokens - self.tokens))),
            ("x-ratelimit-reset-requests", reset),
            ("x-ratelimit-reset-tokens", reset),
        )
