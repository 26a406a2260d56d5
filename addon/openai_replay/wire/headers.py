"""Response headers in a recording: the kept ones, and defaults that are not written down.

All other headers change with each answer, or mean nothing later. A kept header that is empty says that the answer
lacked a default header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# The name of a header (RFC 9110, section 5.6.2).
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Besides the content type.
KEPT = (
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-version",
    "location",
    "content-disposition",
)

_API = "//api.openai.com/"
_API_VERSION = "2020-10-01"


def implied(url: str) -> dict[str, str]:
    """Return the headers that an answer from a URL has if nothing else is said, besides its content type."""
    return {"openai-version": _API_VERSION} if _API in url else {}


def said(kept: Mapping[str, str], implied_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the kept headers of an answer as a recording has them: only differences from the defaults."""
    missing = {name: "" for name in implied_headers if name not in kept}
    return {name: value for name, value in kept.items() if implied_headers.get(name) != value} | missing


def sent(recorded: Mapping[str, str], implied_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer: the defaults, with the headers of its recording over them.

    White space around a value is no part of it (RFC 9110, section 5.5), and HTTP/2 forbids it (RFC 9113, 8.2.1).
    """
    recorded = {name.lower(): value.strip(" \t") for name, value in recorded.items()}
    headers = {**implied_headers, **recorded}
    return {name: value for name, value in headers.items() if value}
