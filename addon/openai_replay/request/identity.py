"""Identify a request: which requests are the same, and the name that its recording is stored under.

A request's identity is its method, host (with a port that is not the scheme's own), path, query and body, each by its
meaning (`urls`, `normal_form`), and nothing else: headers never count. The test id chooses among the recordings of one
identity, and so does `stream_options`. The format's request hash, which reads some different requests as the same
text, names files and decides nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..format.recording import JSON
from .normal_form import canonical, normal_body, normal_value
from .reference_hash import SHARED_PATH, request_hash
from .rules import Rules
from .urls import authority, canonical_path, canonical_query, doubled_prefix, joined_query

# Lists that recorders inside SDKs wrote with POST and no body, and that clients GET.
_LISTS = ("/api/ps", "/api/tags")

_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a request: two requests are the same exactly if theirs are equal, the test id apart.

    `key` is a SHA-256 in hex; `stream_options` the canonical JSON of that member, "" where it is absent.
    """

    key: str
    stream_options: str


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as matching sees it: redacted, but otherwise as the client sent it.

    `credentials` are the secrets that its headers and its body held: no file may hold them.
    """

    method: str
    url: str
    body: JSON
    test_id: str | None
    identity: Identity
    rules: Rules
    credentials: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def endpoint(self) -> str:
        """Return the path that names the operation, in its canonical spelling and without query."""
        return canonical_path(urlsplit(self.url).path)

    def is_model_list(self) -> bool:
        """Tell whether the answer is the list of models, whose recordings are joined into one answer."""
        return is_model_list(self.method, self.endpoint())

    def is_shared(self) -> bool:
        """Tell whether the operation belongs to no test, so that a recording by any test may answer."""
        return self.endpoint() == SHARED_PATH

    def label(self) -> str:
        """Return method, path and model, for a person."""
        model = self.body.get("model") if isinstance(self.body, dict) else None
        return f"{self.operation()} {model}" if isinstance(model, str) and model else self.operation()

    def operation(self) -> str:
        """Return method and path."""
        return f"{self.method} {self.endpoint()}"

    def reference(self) -> str:
        """Return method, path and the first digits of the request's hash, by which messages refer to a request."""
        return f"{self.operation()} (request {self.name()[:_SHORT_HASH]})"

    def name(self) -> str:
        """Return the name of this request's recording: the request hash in hex."""
        return self.names(self.test_id)[0]

    def names(self, test_id: str | None) -> tuple[str, ...]:
        """Return the names that a recording of this request by `test_id` may have, the proper one first.

        The second is of recorders that joined a base URL ending in /v1 to an endpoint that begins with it.
        """
        body = self.rules.named_body(self.body)
        return tuple(
            request_hash(self.method, url, body, test_id) for url in (self.url, doubled_prefix(self.url))
        )


def describe(method: str, url: str, body: JSON, test_id: str | None, rules: Rules) -> ApiRequest:
    """Describe a request for matching; `body` comes from `parse_body`, its secrets already redacted."""
    return ApiRequest(method, url, body, test_id, identify(method, url, body, rules), rules)


def describe_sent(
    method: str, url: str, body: JSON, test_id: str | None, rules: Rules, credentials: Sequence[str]
) -> ApiRequest:
    """Describe a request as a client sent it, without its secrets.

    Args:
        body: from `parse_body`.
        credentials: of the request's headers, see `credentials_of`.
    """
    redacted = rules.redactor.request(url, body, credentials)
    if test_id is not None:
        test_id = rules.redactor.text(test_id, redacted.credentials) or None
    identity = identify(method, redacted.url, redacted.body, rules)
    return ApiRequest(method, redacted.url, redacted.body, test_id, identity, rules, redacted.credentials)


def identify(method: str, url: str, body: JSON, rules: Rules) -> Identity:
    """Return the identity of a request, be it a client's or a recording's."""
    parts = urlsplit(url)
    path, query = canonical_path(parts.path), parts.query
    body = rules.matched_body(body)
    if is_list(method, path) and isinstance(body, dict) and body.keys() <= {"extra_query"}:
        # Recorders inside the Python SDK write POST for every call, and its arguments as the body.
        method, query, body = "GET", joined_query(query, body.get("extra_query")), {}
    # An ignored member of stream_options does not choose either, so it is read after the rules.
    stream_options = body.get("stream_options") if isinstance(body, dict) else None
    members = [method, authority(parts), path, canonical_query(query), normal_body(body)]
    return Identity(
        key=hashlib.sha256(canonical(members).encode()).hexdigest(),
        stream_options="" if stream_options is None else canonical(normal_value(stream_options)),
    )


def is_list(method: str, endpoint: str) -> bool:
    """Tell whether a request without a body lists things; some recorders write POST for such a GET."""
    return is_model_list(method, endpoint) or (method in ("GET", "POST") and endpoint in _LISTS)


def is_model_list(method: str, endpoint: str) -> bool:
    """Tell whether an operation lists the models of a server."""
    return method in ("GET", "POST") and endpoint.endswith("/models")
