"""request → identity, and the name that its recording is stored under.

What counts: method, host (with a port that is not the scheme's own), endpoint, and the normalised body; then the
test id. Headers never count. Normalised means: what the format's hash normalises (`reference_text`, floats), and
besides `1.0` is `1`; a null member of the body or of a message is absent; `stream: false` is absent; and
`stream_options` only chooses between recordings that are otherwise the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..format.recording import JSON
from .normal_form import canonical, normal_body, normal_value
from .reference_hash import SHARED_PATH, request_hash
from .rules import Rules, without_ignored
from .urls import authority, doubled_prefix, joined_query, single_prefix, sorted_query


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two requests the same, the test id apart.

    `key` is a SHA-256 in hex; `stream_options` the canonical JSON of that member, "" where it is absent.
    """

    key: str
    stream_options: str


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as matching sees it: redacted, but otherwise as the client sent it."""

    method: str
    url: str
    body: JSON
    test_id: str | None
    identity: Identity
    rules: Rules

    def endpoint(self) -> str:
        """Return the path that names the operation, without query, `/v1/v1/` read as `/v1/`."""
        return single_prefix(urlsplit(self.url).path)

    def is_model_list(self) -> bool:
        """Tell whether the answer is the list of models, whose recordings are joined into one answer."""
        return is_model_list(self.method, self.endpoint())

    def is_shared(self) -> bool:
        """Tell whether the operation belongs to no test, so that a recording by any test may answer."""
        return self.endpoint() == SHARED_PATH

    def name(self) -> str:
        """Return the name of this request's recording: the request hash in hex."""
        return self.names(self.test_id)[0]

    def names(self, test_id: str | None) -> tuple[str, ...]:
        """Return the names that a recording of this request by `test_id` may have, the proper one first.

        The second is of recorders that joined a base URL ending in /v1 to an endpoint that begins with it.
        """
        body = without_ignored(self.body, self.rules.ignore)
        return tuple(
            request_hash(self.method, url, body, test_id) for url in (self.url, doubled_prefix(self.url))
        )


def describe(method: str, url: str, body: JSON, test_id: str | None, rules: Rules) -> ApiRequest:
    """Describe a request for matching; `body` is what `parse_body` gave, with secrets already redacted."""
    return ApiRequest(method, url, body, test_id, identify(method, url, body, rules), rules)


def identify(method: str, url: str, body: JSON, rules: Rules) -> Identity:
    """Return the identity of a request, be it a client's or a recording's."""
    parts = urlsplit(url)
    endpoint = single_prefix(parts.path)
    body = without_ignored(body, rules.ignore)
    query = parts.query
    if is_model_list(method, endpoint) and isinstance(body, dict) and body.keys() <= {"extra_query"}:
        # Recorders inside the Python SDK write POST for every call, and what it was called with as the body.
        method, query, body = "GET", joined_query(query, body.get("extra_query")), {}
    # An ignored member of stream_options does not choose either, so it is read after the rules.
    stream_options = body.get("stream_options") if isinstance(body, dict) else None
    members = [method, authority(parts), endpoint, sorted_query(query), normal_body(body)]
    return Identity(
        key=hashlib.sha256(canonical(members).encode()).hexdigest(),
        stream_options="" if stream_options is None else canonical(normal_value(stream_options)),
    )


def is_model_list(method: str, endpoint: str) -> bool:
    """Tell whether an operation lists the models of a server."""
    return method in ("GET", "POST") and endpoint.endswith("/models")
