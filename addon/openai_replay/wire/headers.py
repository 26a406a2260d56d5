"""The headers of a response that a recording keeps, and those that go without saying.

All others change with each answer, or mean nothing later. A kept header that is empty says that the answer had none
where one goes without saying.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    """Return what a recording has to say of the kept headers of an answer."""
    missing = {name: "" for name in implied_headers if name not in kept}
    return {name: value for name, value in kept.items() if implied_headers.get(name) != value} | missing


def sent(recorded: Mapping[str, str], implied_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer from what its recording says of them."""
    headers = {**implied_headers, **{name.lower(): value for name, value in recorded.items()}}
    return {name: value for name, value in headers.items() if value}
