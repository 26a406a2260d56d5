"""Work out the URL of an exchange from its answer, where a cassette has `**REDACTED**` or the like in its place.

LangChain's cassettes have: their URLs are all replaced.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..record.raw_exchange import RawExchange

_API = "https://api.openai.com"

# The kind of object in the answers of an endpoint (OpenAI's API reference).
_ENDPOINTS = {
    b"chat.completion": "/v1/chat/completions",
    b"chat.completion.chunk": "/v1/chat/completions",
    b"embedding": "/v1/embeddings",
    b"response": "/v1/responses",
    b"text_completion": "/v1/completions",
}
_KIND = re.compile(rb'"object"\s*:\s*"(%b)"' % b"|".join(map(re.escape, _ENDPOINTS)))


def is_missing(url: str) -> bool:
    """Tell whether a word stands in place of a URL: neither a URL nor a path."""
    return "/" not in url


def with_url_of_answer(raw: RawExchange, answer: bytes) -> RawExchange:
    """Return an exchange with the URL of OpenAI's API that gives such an answer, or as it is if the answer tells none.

    Args:
        answer: the response's body without content coding, JSON or an event stream.
    """
    kind = _KIND.search(answer)
    if kind is None:
        return raw
    url = _API + _ENDPOINTS[kind[1]]
    return replace(raw, url=url, note=f"its URL is replaced by {raw.url!r}: taken for {url}, by its answer")
