"""The cost of a proxy with 10, 10,000 and 100,000 recordings: the table `scale`.

All proxies run at once and are asked in turn, so that other work of this machine meets each of them alike.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from openai_replay.format.recording import JSON, Recording, encode
from openai_replay.record.exchange import Exchange
from openai_replay.record.record import record
from openai_replay.request.identity import describe
from openai_replay.request.redaction import redactor
from openai_replay.request.reference_hash import request_hash
from openai_replay.request.rules import Rules
from support.proxy import Proxy, proxy

from .statistics_of import Spread, spread_of, table

SIZES = (10, 10_000, 100_000)

_MISSES = 25

# 100,000 recordings against 10.
_HIGHEST_RATIO = 1.1

# A miss against a new hit by name among as many recordings.
_HIGHEST_RATIO_OF_MISS = {10_000: 5, 100_000: 20}

_URL = "https://api.openai.com/v1/chat/completions"
_REVERSE = "reverse:https://api.openai.com"
_WORDS = ("the", "proxy", "answers", "from", "a", "file", "that", "somebody", "can", "read", "and", "edit")

LISTEN = "time to listen"
FIRST_BY_NAME = "first hit, by name"
FIRST_WITHOUT_INDEX = "first hit by identity, no index"
NEXT_WITHOUT_INDEX = "next hit by identity, no index"
WHILE_INDEXING = "hit by name while the index is built"
FIRST_WITH_INDEX = "first hit by identity, kept index"
NEW_BY_NAME = "later hit by name, new"
AGAIN_BY_NAME = "later hit by name, again"
NEW_BY_IDENTITY = "later hit by identity, new"
AGAIN_BY_IDENTITY = "later hit by identity, again"
FIRST_MISS = "first miss"
MISS = "later miss"
MEMORY_AT_START = "memory when it listens"
MEMORY_BY_NAME = "memory after hits by name"
MEMORY_BY_IDENTITY = "memory after hits by identity"

_WITH_TARGET = (LISTEN, NEW_BY_NAME, AGAIN_BY_NAME, NEW_BY_IDENTITY, AGAIN_BY_IDENTITY)
_IN_MEBIBYTES = (MEMORY_AT_START, MEMORY_BY_NAME, MEMORY_BY_IDENTITY)
_ROWS = (
    LISTEN,
    FIRST_BY_NAME,
    FIRST_WITHOUT_INDEX,
    NEXT_WITHOUT_INDEX,
    WHILE_INDEXING,
    FIRST_WITH_INDEX,
    NEW_BY_NAME,
    AGAIN_BY_NAME,
    NEW_BY_IDENTITY,
    AGAIN_BY_IDENTITY,
    FIRST_MISS,
    MISS,
    *_IN_MEBIBYTES,
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are measured."""

    starts: int
    rounds: int


THOROUGH = Effort(starts=9, rounds=400)
QUICK = Effort(starts=3, rounds=50)


@dataclass(slots=True)
class Measured:
    """The values of one size, in milliseconds or mebibytes, by row."""

    size: int
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: str, value: float) -> None:
        """Add one value to a row."""
        self.values.setdefault(row, []).append(value)

    def spread(self, row: str) -> Spread:
        """Return the measurements of a row."""
        return spread_of(self.values[row])


def body_of(number: int) -> dict[str, JSON]:
    """Return the body of the request that the recording of that number answers."""
    messages: list[JSON] = [
        {"role": "system", "content": "Answer in one sentence."},
        {
            "role": "user",
            "content": f"What does recording {number} say about {_WORDS[number % len(_WORDS)]}?",
        },
    ]
    return {"model": "gpt-4o", "messages": messages, "stream": True}


def make_recordings(folder: Path, count: int) -> None:
    """Write recordings of as many different requests, streams of 13 chunks."""
    folder.mkdir(parents=True)
    template = _template()
    for number in range(count):
        body = body_of(number)
        name = request_hash("POST", _URL, body, None)
        request = replace(template.request, body=body)
        (folder / f"{name}.json").write_bytes(encode(replace(template, request=request)))


def _template() -> Recording:
    described = describe("POST", _URL, body_of(0), None, Rules((), redactor(())))
    headers = (("content-type", "text/event-stream; charset=utf-8"),)
    return record(Exchange(described, 200, headers, list(_events()))).recording


def _events() -> Iterator[bytes]:
    for word in ("", *_WORDS):
        choice = {"index": 0, "delta": {"content": f"{word} "}, "logprobs": None, "finish_reason": None}
        chunk = {
            "id": "chatcmpl-scale",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-4o-2024-08-06",
            "service_tier": "default",
            "system_fingerprint": "fp_0",
            "choices": [choice],
        }
        yield f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n".encode()
    yield b"data: [DONE]\n\n"


class Client:
    """One client with one connection to one proxy in base-URL mode."""

    def __init__(self, running: Proxy) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=600)

    def ask(self, body: bytes, *, status: int = 200) -> float:
        """Return how many milliseconds an answer took.

        Raises:
            AssertionError: it has another status, or is no whole stream where it should be one.
        """
        begun = time.perf_counter()
        self._connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        taken_ms = (time.perf_counter() - begun) * 1000
        assert response.status == status, content
        assert status != 200 or content.endswith(b"data: [DONE]\n\n"), content
        return taken_ms

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def by_name(number: int, variant: int = 0) -> bytes:
    """Return a request that the name of its recording finds; each variant is the same but for white space."""
    return json.dumps(body_of(number)).encode() + b" " * variant


def by_identity(number: int, variant: int = 0) -> bytes:
    """Return a request that is the same as a recorded one and has another hash: a null member makes it so."""
    return json.dumps({**body_of(number), "user": None}).encode() + b" " * variant


@contextmanager
def started(home: Path, folder: Path, measured: Measured) -> Iterator[Proxy]:
    """Run a proxy, and measure its time until it listens, and its memory."""
    begun = time.perf_counter()
    with proxy(home, f"recording_dir={folder}", mode=_REVERSE) as running:
        measured.add(LISTEN, (time.perf_counter() - begun) * 1000)
        measured.add(MEMORY_AT_START, memory_mib(running))
        yield running


def memory_mib(running: Proxy) -> float:
    """Return the resident memory of a proxy."""
    for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("expected VmRSS in the status of a process")


def measure(top: Path, sizes: Sequence[int], effort: Effort) -> list[Measured]:
    """Measure proxies of all sizes in turn; `top` is an empty folder."""
    everything = [Measured(size) for size in sizes]
    for measured in everything:
        _say(f"making {measured.size:,} recordings")
        make_recordings(_folder(top, measured), measured.size)
        with started(top / "warm-up", _folder(top, measured), Measured(measured.size)):
            pass
    for number in range(effort.starts):
        for measured in everything:
            _say(f"start {number + 1} of {effort.starts} with {measured.size:,} recordings")
            _measure_start(top, measured, keep_index=number % 3 != 0)
    _say(f"{effort.rounds} rounds of later hits")
    _measure_later_hits(top, everything, effort.rounds)
    return everything


def _folder(top: Path, measured: Measured) -> Path:
    return top / f"recordings-{measured.size}"


def _home(top: Path, measured: Measured) -> Path:
    return top / f"home-{measured.size}"


def _measure_start(top: Path, measured: Measured, *, keep_index: bool) -> None:
    home = _home(top, measured)
    if not keep_index:
        shutil.rmtree(home / ".cache", ignore_errors=True)
    number = random.randrange(measured.size)
    with started(home, _folder(top, measured), measured) as running:
        client = Client(running)
        measured.add(FIRST_BY_NAME, client.ask(by_name(number)))
        if keep_index:
            measured.add(FIRST_WITH_INDEX, client.ask(by_identity(number)))
        else:
            _measure_indexing(running, measured, number)
        client.close()


def _measure_indexing(running: Proxy, measured: Measured, number: int) -> None:
    """Measure the hit for which the index is made, the next one, and hits of another client meanwhile."""
    first, other = Client(running), Client(running)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(_ask_without_index, first, measured, number)
        while True:
            measured.add(WHILE_INDEXING, other.ask(by_name(number)))
            if pending.done():
                break
        pending.result()
    first.close()
    other.close()


def _ask_without_index(client: Client, measured: Measured, number: int) -> None:
    measured.add(FIRST_WITHOUT_INDEX, client.ask(by_identity(number)))
    measured.add(NEXT_WITHOUT_INDEX, client.ask(by_identity((number + 1) % measured.size)))


def _measure_later_hits(top: Path, everything: Sequence[Measured], rounds: int) -> None:
    with ExitStack() as stack:
        proxies = []
        for measured in everything:
            # These starts are not alone on the machine, and count for nothing.
            running = stack.enter_context(
                started(_home(top, measured), _folder(top, measured), Measured(measured.size))
            )
            client = Client(running)
            stack.callback(client.close)
            proxies.append((measured, running, client))
        for requests, new, again, memory in (
            (by_name, NEW_BY_NAME, AGAIN_BY_NAME, MEMORY_BY_NAME),
            (by_identity, NEW_BY_IDENTITY, AGAIN_BY_IDENTITY, MEMORY_BY_IDENTITY),
        ):
            for _, _, client in proxies:
                client.ask(requests(0))
            for number in range(1, rounds + 1):
                for measured, _, client in proxies:
                    # Steps that lie far apart in the folder; the variant keeps it from being remembered.
                    request = requests(number * 7919 % measured.size, number)
                    measured.add(new, client.ask(request))
                    measured.add(again, client.ask(request))
            for measured, running, _ in proxies:
                measured.add(memory, memory_mib(running))
        for number in range(_MISSES):
            for measured, _, client in proxies:
                row = MISS if number else FIRST_MISS
                measured.add(row, client.ask(by_name(measured.size + number), status=400))


def _say(text: str) -> None:
    print(f"scale: {text}", flush=True)


def report(everything: Sequence[Measured]) -> str:
    """Return the measurements as a table, with ratios to the smallest size and the missed targets."""
    smallest = everything[0]
    heading = [
        "",
        *(f"{measured.size:,}" for measured in everything),
        *(f"{measured.size:,} / {smallest.size:,}" for measured in everything[1:]),
    ]
    rows = [heading, *([row, *_cells(row, everything)] for row in _ROWS)]
    missed = [row for row in _WITH_TARGET if ratio(row, everything[-1], smallest) > _HIGHEST_RATIO]
    verdict = f"missed by: {', '.join(missed)}" if missed else "met"
    largest = everything[-1].size
    target = (
        f"Target: {largest:,} against {smallest.size:,} at most {_HIGHEST_RATIO} to listen and per later hit"
    )
    return "\n".join([f"{table(rows)}\n\n{target}: {verdict}.", *_of_misses(everything)])


def _of_misses(everything: Sequence[Measured]) -> Iterator[str]:
    """Yield the cost of a miss against a hit among as many recordings."""
    for measured in everything:
        highest = _HIGHEST_RATIO_OF_MISS.get(measured.size)
        found = measured.spread(MISS).median / measured.spread(NEW_BY_NAME).median
        if highest is not None:
            verdict = "met" if found <= highest else "missed"
            yield (
                f"Target: among {measured.size:,}, a later miss at most {highest} times a new hit by name: "
                f"{found:.1f}, {verdict}."
            )


def _cells(row: str, everything: Sequence[Measured]) -> Iterator[str]:
    unit = "MiB" if row in _IN_MEBIBYTES else "ms"
    for measured in everything:
        yield measured.spread(row).shown(unit)
    for measured in everything[1:]:
        yield f"{ratio(row, measured, everything[0]):.2f}"


def ratio(row: str, measured: Measured, smallest: Measured) -> float:
    """Return the ratio of two sizes' medians."""
    return measured.spread(row).median / smallest.spread(row).median


def to_json(everything: Sequence[Measured]) -> JSON:
    """Return the measurements by size and row, with the ratios to the smallest size."""
    return {
        str(measured.size): {
            row: {**measured.spread(row).to_json(), "ratio": ratio(row, measured, everything[0])}
            for row in _ROWS
        }
        for measured in everything
    }


def run(*, quick: bool) -> tuple[JSON, str]:
    """Measure everything; return it as JSON and as a table."""
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        everything = measure(Path(top), SIZES, QUICK if quick else THOROUGH)
    return to_json(everything), report(everything)
