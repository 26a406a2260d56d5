"""Work out the missing part of an exchange's URL.

Some tools write the path alone (httpmock, WireMock): a path of OpenAI's API is taken for one at api.openai.com. Others
have `**REDACTED**` or the like in place of the URL (LangChain): the kind of the answer tells the endpoint.
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

# The first part of the paths in OpenAI's API reference.
_PATH = re.compile(
    r"/v1/(assistants|audio|batches|chat|completions|containers|conversations|embeddings|evals|files|fine_tuning|images|"
    r"models|moderations|organization|realtime|responses|threads|uploads|vector_stores|videos)\b"
)


def has_host(url: str) -> bool:
    """Tell whether a URL is more than a path or a word."""
    return "/" in url and not url.startswith("/")


def with_whole_url(raw: RawExchange, answer: bytes) -> RawExchange:
    """Return an exchange with the URL of OpenAI's API, or as it is if neither its path nor its answer tells that.

    Args:
        raw: an exchange whose URL has no host.
        answer: the response's body without content coding, JSON or an event stream.
    """
    if _PATH.match(raw.url):
        return replace(raw, url=_API + raw.url, note=f"its host is not in the file: taken for {_API}")
    kind = None if "/" in raw.url else _KIND.search(answer)
    if kind is None:
        return raw
    url = _API + _ENDPOINTS[kind[1]]
    return replace(raw, url=url, note=f"its URL is replaced by {raw.url!r}: taken for {url}, by its answer")
