"""request → identity, and the name that its recording is stored under.

What counts: method, host (with a port that is not the scheme's own), endpoint, and the normalised body; then the
test id. Headers never count. Normalised means: what the format's hash normalises (`_normal_text`, floats), and
besides `1.0` is `1`; a null member of the body or of a message is absent; `stream: false` is absent; and
`stream_options` only chooses between recordings that are otherwise the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urlsplit

from ..format.recording import JSON
from .ignoring import IgnoreRule
from .multipart import MULTIPART, MultipartParser, boundary_of
from .redaction import Redactor

_DEFAULT_PORTS = {"http": 80, "https": 443}

# The list of models belongs to no test: FORMAT's hash leaves the test id out for this path.
_SHARED_PATH = "/v1/models"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken out of a request before it is matched and before it is written."""

    ignore: tuple[IgnoreRule, ...]
    redactor: Redactor

    def fingerprint(self) -> str:
        """Return a text that changes whenever identities may."""
        return repr(
            (_VERSION, [rule.text for rule in self.ignore], [p.pattern for p in self.redactor.patterns])
        )


# Raised whenever a change to this module gives a request another identity, so that kept indexes are made anew.
_VERSION = 2


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
        return self.endpoint() == _SHARED_PATH

    def name(self) -> str:
        """Return the name of this request's recording: the request hash in hex."""
        return self.names(self.test_id)[0]

    def names(self, test_id: str | None) -> tuple[str, ...]:
        """Return the names that a recording of this request by `test_id` may have, the proper one first.

        The second is of recorders that joined a base URL ending in /v1 to an endpoint that begins with it.
        """
        body = without_ignored(self.body, self.rules.ignore)
        return tuple(request_hash(self.method, url, body, test_id) for url in (self.url, _doubled(self.url)))


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
        method, query, body = "GET", _joined_query(query, body.get("extra_query")), {}
    # An ignored member of stream_options does not choose either, so it is read after the rules.
    stream_options = body.get("stream_options") if isinstance(body, dict) else None
    members = [method, authority(parts), endpoint, sorted_query(query), normal_body(body)]
    return Identity(
        key=hashlib.sha256(_canonical(members).encode()).hexdigest(),
        stream_options="" if stream_options is None else _canonical(_normal(stream_options)),
    )


def request_hash(method: str, url: str, body: JSON, test_id: str | None) -> str:
    """Return the format's request hash: 64 hex digits, the name of the file.

    Args:
        body: the body less what is ignored.
    """
    parts = urlsplit(url)
    query = sorted_query(parts.query)
    hashed: dict[str, JSON] = {
        "method": method.upper(),
        "endpoint": f"{parts.path}?{query}" if query else parts.path,
        "body": _rounded(body),
    }
    if parts.path != _SHARED_PATH:
        hashed["test_id"] = test_id
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def is_model_list(method: str, endpoint: str) -> bool:
    """Tell whether an operation lists the models of a server."""
    return method in ("GET", "POST") and endpoint.endswith("/models")


def authority(parts: SplitResult) -> str:
    """Return the host in lower case, with its port unless it is the scheme's own."""
    host = (parts.hostname or "").rstrip(".")
    port = parts.port
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def sorted_query(query: str) -> str:
    """Return a query with its parameters in order."""
    return "&".join(sorted(parameter for parameter in query.split("&") if parameter))


def _joined_query(query: str, parameters: JSON) -> str:
    """Return a query with more parameters, as the Python SDK joins them."""
    more = urlencode(parameters) if isinstance(parameters, dict) else ""
    return "&".join(part for part in (query, more) if part)


def single_prefix(path: str) -> str:
    """Return a path with `/v1/v1/` read as `/v1/`."""
    return path.replace("/v1/v1/", "/v1/", 1)


def _doubled(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=parts.path.replace("/v1/", "/v1/v1/", 1)).geturl()


def without_ignored(body: JSON, rules: Iterable[IgnoreRule]) -> JSON:
    """Return a body less what the rules ignore."""
    for rule in rules:
        body = rule.apply(body)
    return body


def normal_body(body: JSON) -> JSON:
    """Return the form of a body in which two requests that mean the same are equal."""
    if not isinstance(body, dict):
        return _normal(body)
    if body.keys() == {MULTIPART}:
        return {MULTIPART: _normal_parts(body[MULTIPART])}
    members: dict[str, JSON] = {
        name: value for name, value in body.items() if value is not None and name != "stream_options"
    }
    if members.get("stream") is False:
        del members["stream"]
    for name in ("messages", "input"):
        if isinstance(messages := members.get(name), list):
            members[name] = [_without_nulls(message) for message in messages]
    return _normal(members)


def _without_nulls(message: JSON) -> JSON:
    if not isinstance(message, dict):
        return message
    return {name: value for name, value in message.items() if value is not None}


def _normal_parts(parts: JSON) -> JSON:
    """Return the parts of a form in one order; a field that is a JSON number is compared as one."""
    if not isinstance(parts, list):
        return _normal(parts)
    return sorted((_normal(_with_number(part)) for part in parts), key=_canonical)


def _with_number(part: JSON) -> JSON:
    if isinstance(part, dict) and isinstance(value := part.get("value"), str) and _NUMBER.fullmatch(value):
        number: JSON = json.loads(value)
        return part if number in (math.inf, -math.inf) else {**part, "value": number}
    return part


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")


def _normal(value: JSON) -> JSON:
    """Round as the hash does, and read a float without a fraction as an integer."""
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, float):
        rounded = round(value, 5)
        return int(rounded) if rounded.is_integer() else rounded
    return _normal_text(value) if isinstance(value, str) else value


def _rounded(value: JSON) -> JSON:
    """Return the format's `body*`."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 5)
    return _normal_text(value) if isinstance(value, str) else value


_UUID = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"

# (a text that must be there for the expression to match, the expression, its replacement), in the order of the hash
_VOLATILE = (
    ("score:", re.compile(r"score:\s*[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"), "score: __NORMALIZED__"),
    ("attributes:", re.compile(r",?\s*attributes:\s*\{[^}]*\}"), ""),
    ("document_id:", re.compile(rf"document_id:\s*{_UUID}"), "document_id: __NORMALIZED__"),
    ("|>", re.compile(rf"<\|{_UUID}\|>"), "<|__NORMALIZED__|>"),
)
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{4,}")


def _normal_text(text: str) -> str:
    for needle, pattern, replacement in _VOLATILE:
        if needle in text:
            text = pattern.sub(replacement, text)
    if "." in text:
        text = _LONG_DECIMAL.sub(lambda match: f"{float(match[0]):.5f}", text)
    return text


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def parse_body(content: bytes, content_type: str) -> JSON:
    """Return a request's body as JSON, whatever its content type says.

    What parses as JSON is that JSON; no body is `{}`; a form is `{"__multipart__": [part, …]}`; other text is
    `{"__text__": text}` and anything else `{"__bytes__": {"size", "sha256"}}`. Text is also what no recording can hold
    as JSON: numbers that are not finite, and what is nested deeper than the functions here go.
    """
    if not content.strip():
        return {}
    boundary = boundary_of(content_type)
    if boundary is not None:
        parser = MultipartParser(boundary)
        parser.feed(content)
        return parser.result() or opaque_body(content)
    try:
        value: JSON = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return opaque_body(content)
    may_be_deep = content.count(b"[") + content.count(b"{") > _DEEPEST
    return opaque_body(content) if may_be_deep and _is_too_deep(value) else value


# The functions that go through bodies call themselves once or twice per level, and Python allows 1,000 calls.
_DEEPEST = 200


def _is_too_deep(value: JSON) -> bool:
    level: list[JSON] = [value]
    for _ in range(_DEEPEST + 1):
        level = [
            item
            for part in level
            if isinstance(part, (dict, list))
            for item in (part.values() if isinstance(part, dict) else part)
        ]
    return bool(level)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {digits}")
    return number


def opaque_body(content: bytes) -> JSON:
    """Return the JSON that stands for a body which is neither JSON nor a form."""
    try:
        return {"__text__": content.decode()}
    except UnicodeDecodeError:
        return {"__bytes__": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}}


def model_digest(ids: Sequence[str]) -> str:
    """Return the 8 hex digits that tell recordings of a list of models apart."""
    return hashlib.sha256("|".join(sorted(set(ids))).encode()).hexdigest()[:8]
