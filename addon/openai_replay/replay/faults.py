"""Fault injection: choose the rule that fires for a request, and put the fault into its recorded answer.

A chunk is an event of a stream with data, `[DONE]` among them; chunks are counted from 1. An answer that is no stream
has one chunk, and breaks in the middle of it. A rule about a chunk that an answer does not have is passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..format.json_text import compact
from ..trouble.fault_rules import FaultKind, FaultRule
from .delivery import Delivery, Ending, Step, cut, with_steps

# Faulty answers name their fault in this header.
HEADER = "x-replay-fault"

# A data line, behind a byte order mark or not.
_DATA_LINE = re.compile(rb"(?P<name>(?:\xef\xbb\xbf)?data: ?)(?P<value>[^\r\n]*)(?P<end>[\r\n]*)")

_REPLACING = frozenset((FaultKind.RATE_LIMIT, FaultKind.ERROR))
_AFTER = frozenset((FaultKind.CUT_AFTER, FaultKind.RESET_AFTER, FaultKind.STALL_AFTER))
_CHUNK_KINDS = _AFTER | {FaultKind.MALFORMED_AT, FaultKind.DUPLICATE_AT}


def first_suitable(rules: Iterable[FaultRule], delivery: Delivery) -> FaultRule | None:
    """Return the first rule that suits an answer, None without one."""
    return next((rule for rule in rules if _suits(rule, delivery)), None)


def _suits(rule: FaultRule, delivery: Delivery) -> bool:
    """Tell whether an answer has the chunk that a rule is about."""
    if rule.kind is FaultKind.DUPLICATE_AT and delivery.length is not None:
        return False  # two JSON texts in one body are no repeated chunk
    is_whole_body = rule.kind in _AFTER and delivery.length is not None
    return rule.kind not in _CHUNK_KINDS or is_whole_body or rule.number <= len(_chunk_places(delivery))


def apply(rule: FaultRule, delivery: Delivery) -> Delivery:
    """Return a delivery with a fault in it; the answer says so in the header `x-replay-fault`."""
    faulty = _failed(rule, delivery) if rule.kind in _REPLACING else _ALTERED[rule.kind](rule, delivery)
    kind = rule.kind.value
    return replace(faulty, headers=(*faulty.headers, (HEADER, kind)), fault=kind, rule=rule.text)


def _chunk_places(delivery: Delivery) -> list[int]:
    """Return which steps are chunks; the others are comments."""
    if delivery.length is not None:
        return list(range(len(delivery.pieces)))
    return [place for place, piece in enumerate(delivery.pieces) if _DATA.search(piece)]


_DATA = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])data:?")


def count_chunks(delivery: Delivery) -> int:
    """Return how many chunks a stream has for the rules about them, `[DONE]` among them."""
    return len(_chunk_places(delivery))


def _steps_of(delivery: Delivery, chunks: int) -> tuple[Step, ...]:
    """Return the steps up to a chunk; of an answer that is no stream, half of its body."""
    if chunks == 0:
        return ()
    if delivery.length is not None:
        return tuple(replace(step, data=_half(step.data)) for step in delivery.steps)
    return delivery.steps[: _chunk_places(delivery)[chunks - 1] + 1]


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _cut(rule: FaultRule, delivery: Delivery) -> Delivery:
    return cut(delivery, _steps_of(delivery, rule.number), Ending.CUT)


def _reset(rule: FaultRule, delivery: Delivery) -> Delivery:
    return cut(delivery, _steps_of(delivery, rule.number), Ending.RESET)


def _stalled(rule: FaultRule, delivery: Delivery) -> Delivery:
    """Stall after some chunks; after none of them, before the head, as when a server hangs."""
    before = _steps_of(delivery, rule.number)
    pause = math.inf if rule.pause_ms is None else rule.pause_ms
    head_at_ms = delivery.head_at_ms if before else delivery.head_at_ms + pause
    if math.isinf(pause):
        return replace(cut(delivery, before, Ending.STALL), head_at_ms=head_at_ms)
    sent = sum(len(step.data) for step in before)
    steps = (*before, *_later(_without_first(delivery.steps, sent), pause))
    return replace(with_steps(delivery, steps), head_at_ms=head_at_ms, end_at_ms=delivery.end_at_ms + pause)


def _without_first(steps: Sequence[Step], size: int) -> list[Step]:
    """Return the steps after so many bytes."""
    rest = []
    for step in steps:
        if size < len(step.data):
            rest.append(replace(step, data=step.data[size:]))
        size = max(0, size - len(step.data))
    return rest


def _later(steps: Iterable[Step], by_ms: float) -> list[Step]:
    return [replace(step, at_ms=step.at_ms + by_ms) for step in steps]


def _slow(rule: FaultRule, delivery: Delivery) -> Delivery:
    """Put a pause before the head and before each chunk; the pauses add up over the stream."""
    pause = rule.pause_ms or 0.0
    times_ms = tuple(at_ms + pause * number for number, at_ms in enumerate(delivery.times_ms, 1))
    end = delivery.end_at_ms + pause * max(1, len(times_ms))
    return replace(delivery, head_at_ms=delivery.head_at_ms + pause, times_ms=times_ms, end_at_ms=end)


def _malformed(rule: FaultRule, delivery: Delivery) -> Delivery:
    if delivery.length is not None:
        halved = with_steps(delivery, _steps_of(delivery, 1))
        return replace(halved, length=halved.size())
    place = _chunk_places(delivery)[rule.number - 1]
    return _with_pieces_at(delivery, place, _with_half_its_data(delivery.pieces[place]))


def _with_half_its_data(piece: bytes) -> bytes:
    """Cut the JSON of an event in half; its lines stay whole, so that the JSON alone is at fault."""
    return b"".join(map(_with_half_its_value, piece.splitlines(keepends=True)))


def _with_half_its_value(line: bytes) -> bytes:
    """Return a line of a stream with half of its value if it is a data line; its end stays, in any spelling."""
    data = _DATA_LINE.fullmatch(line)
    return line if data is None else data["name"] + _half(data["value"]) + data["end"]


def _duplicated(rule: FaultRule, delivery: Delivery) -> Delivery:
    place = _chunk_places(delivery)[rule.number - 1]
    piece = delivery.pieces[place]
    return _with_pieces_at(delivery, place, piece, piece)


def _with_pieces_at(delivery: Delivery, place: int, *pieces: bytes) -> Delivery:
    """Put other pieces in the place of one, at its time."""
    before, after = delivery.pieces[:place], delivery.pieces[place + 1 :]
    times = delivery.times_ms
    times_ms = (*times[:place], *[times[place]] * len(pieces), *times[place + 1 :])
    return replace(delivery, pieces=(*before, *pieces, *after), times_ms=times_ms)


_ALTERED: Mapping[FaultKind, Callable[[FaultRule, Delivery], Delivery]] = {
    FaultKind.CUT_AFTER: _cut,
    FaultKind.RESET_AFTER: _reset,
    FaultKind.STALL_AFTER: _stalled,
    FaultKind.MALFORMED_AT: _malformed,
    FaultKind.DUPLICATE_AT: _duplicated,
    FaultKind.SLOW: _slow,
}


# --- failures in place of an answer -------------------------------------------------------------------------------

# `type` and `code` as the API has them (platform.openai.com/docs/guides/error-codes).
_ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("server_error", "service_unavailable"),
}


def _failed(rule: FaultRule, delivery: Delivery) -> Delivery:
    """Return the API's error in place of the recorded answer; its message says that a rule made it."""
    kind, code = _ERRORS.get(
        rule.number, ("server_error" if rule.number >= 500 else "invalid_request_error", None)
    )
    message = f"This failure was injected in replay by the rule {rule.text!r}."
    body = compact({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
    headers = (
        ("content-type", "application/json"),
        *((name, value) for name, value in delivery.headers if name == "openai-version"),
        *_retry_after(rule.retry_after_ms),
    )
    return Delivery(
        delivery.path, rule.number, headers, (body,), (0.0,), length=len(body), label=delivery.label
    )


def _retry_after(wait_ms: float | None) -> tuple[tuple[str, str], ...]:
    """Return the header in whole seconds (RFC 9110, 10.2.3), and the API's own in ms for shorter times.

    A wait that is shorter than 1 ms is 1 ms, for with 0 the SDKs wait by their own back-off.
    """
    if wait_ms is None:
        return ()
    whole_seconds = (("retry-after", str(int(-(-wait_ms // 1000)))),)
    return (
        whole_seconds
        if wait_ms % 1000 == 0
        else (*whole_seconds, ("retry-after-ms", str(max(1, round(wait_ms)))))
    )
