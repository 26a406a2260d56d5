"""Make up the headers of an answer that change with each one, for programs that route or wait by them.

No recording keeps them. `x-request-id` is another id for each answer. The rate limits follow the API's documentation
(https://platform.openai.com/docs/guides/rate-limits): the remaining requests and tokens, and the time until all of them
are back.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from .durations import written_duration

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
class Budget:
    """The used part of a limit. It is given back evenly, the whole limit in a minute; `at_s` is when it was counted."""

    used: float = 0.0
    at_s: float = 0.0

    def use(self, amount: int, limit: int, now_s: float) -> None:
        """Count one more answer, up to the limit, for beyond it the API would have refused the request."""
        given_back = limit * (now_s - self.at_s) / _MINUTE_S
        self.used = min(limit, max(0.0, self.used - given_back) + amount)
        self.at_s = now_s


@dataclass(slots=True)
class Allowance:
    """The budgets of requests and tokens; times are in seconds of any clock."""

    requests: Budget = field(default_factory=Budget)
    tokens: Budget = field(default_factory=Budget)

    def headers(self, made: MadeHeaders, answer_bytes: int, now_s: float) -> Headers:
        """Return the headers of one more answer."""
        request_id = ((REQUEST_ID, f"req_{secrets.token_hex(16)}"),) if made.has_request_id else ()
        return (*request_id, *self._limits(made, answer_bytes, now_s)) if made.requests else request_id

    def _limits(self, made: MadeHeaders, answer_bytes: int, now_s: float) -> Headers:
        self.requests.use(1, made.requests, now_s)
        self.tokens.use(answer_bytes // _BYTES_PER_TOKEN, made.tokens, now_s)
        return (
            ("x-ratelimit-limit-requests", str(made.requests)),
            ("x-ratelimit-limit-tokens", str(made.tokens)),
            ("x-ratelimit-remaining-requests", _remaining(self.requests, made.requests)),
            ("x-ratelimit-remaining-tokens", _remaining(self.tokens, made.tokens)),
            ("x-ratelimit-reset-requests", _reset(self.requests, made.requests)),
            ("x-ratelimit-reset-tokens", _reset(self.tokens, made.tokens)),
        )


def _remaining(budget: Budget, limit: int) -> str:
    return str(int(limit - budget.used))


def _reset(budget: Budget, limit: int) -> str:
    """Return the time until the whole limit is there again."""
    return written_duration(round(_MINUTE_S * 1000 * budget.used / limit))
