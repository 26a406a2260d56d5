"""A proxy that records and one that replays, side by side on one folder: an act through both must come out alike.

with both(tmp_path) as proxies:
    ask = lambda client: client.models.retrieve("gpt-4o").id
    recorded, replayed = proxies.twice(ask, "a test id")
    assert replayed.result == recorded.result    # and upstream heard nothing in replay
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import openai
from openai import OpenAI

from openai_replay.mock import Upstream

from .proxy import CEILING_S, Proxy, proxy, recordings

KEY = "sk-test-0123456789abcdef0123456789abcdef"

# The headers of a response that a client reads.
READ_HEADERS = ("content-type", "retry-after", "retry-after-ms", "openai-version", "location")

# The kinds of object whose `id` and `created` are the recording's own; Azure's first chunk does not say its kind.
NORMALISED_KINDS = ("chat.completion", "chat.completion.chunk", "text_completion", "")


@dataclass
class Wire:
    """One exchange as the client's end of the wire saw it. `body` has the bytes, `broken` says how it broke off."""

    method: str
    url: str
    status: int
    headers: dict[str, str]
    body: bytes = b""
    broken: str = ""


@dataclass
class Both:
    """The two proxies, the upstream behind them, and the folder between them."""

    upstream: Upstream
    recorder: Proxy
    replayer: Proxy
    folder: Path
    base_url: str

    def twice[T](self, act: Callable[[OpenAI], T], test_id: str) -> tuple[Seen[T], Seen[T]]:
        """Do something while recording and in replay, where upstream hears nothing of it."""
        recorded = self.seen(self.recorder, act, test_id)
        self.recorder.ask("/report")  # answered when everything before it is written
        heard = len(self.upstream.requests)
        replayed = self.seen(self.replayer, act, test_id)
        assert len(self.upstream.requests) == heard, "upstream was asked in replay"
        return recorded, replayed

    def seen[T](self, running: Proxy, act: Callable[[OpenAI], T], test_id: str) -> Seen[T]:
        """Do something through one of the proxies."""
        with listening_client(running, test_id) as (http_client, wires):
            client = OpenAI(api_key=KEY, base_url=self.base_url, http_client=http_client, max_retries=0)
            return Seen(act(client), wires)

    def recordings_of(self, test_id: str) -> list[Any]:
        """Return the recordings of one test, in file-name order."""
        return [one for one in recordings(self.folder).values() if one.get("test_id") == test_id]


@dataclass
class Seen[T]:
    """The result of an act, and its exchanges on the wire."""

    result: T
    wires: list[Wire] = field(default_factory=list)


@contextmanager
def both(
    home: Path,
    *options: str,
    base_url: str = "https://api.openai.com/v1",
    upstream: Upstream | None = None,
    **more: Any,
) -> Iterator[Both]:
    """Run the upstream (one of its own, if none is given), a recorder and a replayer until the block ends."""
    folder = home / "recordings"
    folder.mkdir(parents=True)
    options = (*options, f"recording_dir={folder}")
    with ExitStack() as stack:
        upstream = upstream or stack.enter_context(Upstream(plain=True))
        recorder = stack.enter_context(
            proxy(home / "recorder", "recording_mode=record", *options, upstream=upstream, **more)
        )
        replayer = stack.enter_context(proxy(home / "replayer", *options, upstream=upstream, **more))
        yield Both(upstream, recorder, replayer, folder, base_url)


@contextmanager
def listening_client(
    running: Proxy, test_id: str, *, protocols: Sequence[str] = ("http/1.1",)
) -> Iterator[tuple[httpx.Client, list[Wire]]]:
    """Give a client that goes through a proxy, and the list of its exchanges; `protocols` are offered by ALPN."""
    context = TrustingContext(running, protocols)
    wires: list[Wire] = []
    through = httpx.HTTPTransport(verify=context, proxy=running.url, http2="h2" in protocols)
    headers = {"x-test-id": quote(test_id, safe="")} if test_id else {}
    with httpx.Client(transport=_Listening(through, wires), headers=headers, timeout=CEILING_S) as client:
        yield client, wires


class TrustingContext(ssl.SSLContext):
    """Trusts a proxy, and offers protocols in an order that httpx does not change: it puts HTTP/1.1 first."""

    def __new__(cls, *_: object) -> TrustingContext:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, running: Proxy, protocols: Sequence[str]) -> None:
        self._protocols = protocols
        self.load_verify_locations(str(running.ca_file))

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(self._protocols)


class _Listening(httpx.BaseTransport):
    def __init__(self, through: httpx.BaseTransport, wires: list[Wire]) -> None:
        self._through = through
        self._wires = wires

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._through.handle_request(request)
        headers = {name: response.headers[name] for name in READ_HEADERS if name in response.headers}
        wire = Wire(request.method, str(request.url), response.status_code, headers)
        self._wires.append(wire)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Overheard(response.stream, wire)
        return response

    def close(self) -> None:
        self._through.close()


class _Overheard(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._stream:
                self._wire.body += piece
                yield piece
        except httpx.TransportError as exc:
            self._wire.broken = type(exc).__name__
            raise

    def close(self) -> None:
        self._stream.close()


def assert_same_on_wire(recorded: Iterable[Wire], replayed: Iterable[Wire]) -> None:
    """Compare exchanges: the same statuses, headers and bodies; JSON by members, nulls, order and numbers."""
    for one, other in zip(list(recorded), list(replayed), strict=True):
        where = f"{one.method} {one.url}"
        assert (one.method, one.url) == (other.method, other.url)
        assert (one.status, one.headers, one.broken) == (other.status, other.headers, other.broken), where
        assert body_of(one) == body_of(other), where


def body_of(wire: Wire) -> Any:
    """Return a body in the form in which two that say the same to every client are equal."""
    if wire.headers.get("content-type", "").startswith("text/event-stream"):
        return [_block(block) for block in wire.body.split(b"\n\n")]
    value = exact_json(wire.body)
    return wire.body if value is None else value


def _block(block: bytes) -> list[Any]:
    lines = block.split(b"\n")
    return [
        exact_json(line.removeprefix(b"data: ")) or line if line.startswith(b"data: ") else line
        for line in lines
    ]


def exact_json(raw: bytes) -> Any:
    """Return a JSON text as tuples that keep order, repeated names and the kinds of numbers; None if it is none."""
    try:
        return json.loads(
            raw,
            object_pairs_hook=_members,
            parse_int=lambda digits: f"integer {digits}",
            parse_float=lambda digits: f"float {float(digits)!r}",
            parse_constant=lambda name: f"constant {name}",
        )
    except ValueError:
        return None


def _members(pairs: list[tuple[str, Any]]) -> tuple[Any, ...]:
    kind = dict(pairs).get("object")
    if kind not in NORMALISED_KINDS:
        return tuple(pairs)
    return tuple((name, name if name in ("id", "created") else value) for name, value in pairs)


def shown(result: Any) -> Any:
    """Return the content of a client's objects, for comparison; an error as its class, status, message and body."""
    if isinstance(result, openai.BaseModel):
        return (
            type(result).__name__,
            _normalised(result.model_dump(mode="json", warnings=False)),
            result.model_fields_set,
        )
    if isinstance(result, openai.APIStatusError):
        return type(result).__name__, result.status_code, result.message, result.body
    if isinstance(result, openai.APIError):
        return type(result).__name__, result.message, result.body
    if isinstance(result, list | tuple):
        return [shown(item) for item in result]
    return result


def _normalised(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {name: _normalised(item) for name, item in value.items()}
        if plain.get("object") in NORMALISED_KINDS:
            plain |= {"id": "id", "created": "created"}
        return plain
    if isinstance(value, list):
        return [_normalised(item) for item in value]
    return value


def raised_by(act: Callable[[], object]) -> openai.APIError:
    """Return the error that a call of the API raises.

    Raises:
        AssertionError: it succeeds.
    """
    try:
        result = act()
    except openai.APIError as exc:
        return exc
    raise AssertionError(f"expected an error of the API, got {result!r}")


def received_until_error[T](stream: Iterable[T]) -> tuple[list[T], Exception | None]:
    """Return the items of a client's stream, and the error of the API or of the connection that ends it."""
    items: list[T] = []
    try:
        for item in stream:
            items.append(item)
    except (httpx.TransportError, openai.APIError) as exc:
        return items, exc
    return items, None
