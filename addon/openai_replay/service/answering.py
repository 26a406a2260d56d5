"""Answer a request from the recordings, or refuse it with an explanation of the miss."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path

from ..errors import BadHeader, BadRecording
from ..format.recording import JSON
from ..format.short_text import number_of, shortened
from ..replay import faults, miss
from ..replay.answer import Answer
from ..replay.delivery import Delivery, Ending
from ..replay.session_delivery import SessionDelivery
from ..request.identity import ApiRequest
from ..trouble.retry_after import capped
from ..trouble.terms import NO_OWN_HEADERS, OwnHeaders, Terms
from .request_log import Outcome, RequestLine
from .service import Service

log = logging.getLogger(__name__)

type Headers = tuple[tuple[str, str], ...]

_NO_TIMES = (
    "%s has no times, so it is replayed at once, like every recording that was not made with "
    "recording_timing=true."
)

_PASSED_OVER = "The fault %s was passed over, because the answer is %s."

# So much of a problem tells it from another one of the same request.
_LONGEST_PROBLEM = 100

type Describe = Callable[[], ApiRequest]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in place of an answer, with headers that keep clients from trying again."""

    message: str
    code: str = "recording_unavailable"
    status: int = miss.STATUS
    headers: Headers = (("content-type", "application/json"), ("x-should-retry", "false"))

    def content(self, user_agent: str) -> bytes:
        """Return the JSON of the error."""
        return miss.error_body(self.message, self.code, user_agent)


# The answer to an upgrade to a WebSocket after which clients use HTTP: status, headers and body. The status must name a
# protocol to upgrade to (RFC 9110, section 15.5.22), so it names a protocol that the client may go on with.
_USE_HTTP_INSTEAD: tuple[int, Headers, bytes] = (
    426,
    (("upgrade", "HTTP/1.1"), ("content-type", "text/plain")),
    b"WebSockets are refused by recording_websocket=refuse; use HTTP.\n",
)


REPLAY_FAILED = Refusal("The replay failed; the proxy's log says why.")


async def recorded_answer(
    service: Service,
    fingerprint: bytes,
    describe: Describe,
    test_id: str | None,
    *,
    own_headers: OwnHeaders = NO_OWN_HEADERS,
    but: frozenset[Path] = frozenset(),
) -> Answer | Delivery | Refusal | None:
    """Return the answer of a recording, a refusal where it cannot be read, None where there is none.

    An answer that is neither paced nor faulty is an `Answer`, to be sent at once; any other is a schedule.

    Args:
        fingerprint: equal for requests of one test that are the same to the byte.
        describe: gives the request as matching sees it; called only when it is not remembered.
        own_headers: the request's pacing and faults.
        but: files that must not answer.
    """
    started_s = time.monotonic()
    try:
        terms = service.settings.terms.of_request(own_headers)
        answer = await _under_terms(service, terms, fingerprint, describe, but)
    except BadRecording as exc:
        return unreadable(service, describe(), exc)
    except BadHeader as exc:
        return invalid_header(service, describe(), str(exc))
    if answer is None:
        return None
    name = service.name_of(answer.path)
    service.run.report.add_replayed(test_id, name)
    if service.run.requests.is_on:
        ms = (time.monotonic() - started_s) * 1000
        trouble = trouble_of(answer)
        line = RequestLine(Outcome.REPLAYED, answer.label, test_id, name, answer.chunks(), ms, trouble)
        service.run.requests.write(line)
    if isinstance(answer, Delivery):
        report_trouble(service, test_id, answer)
    else:
        service.fault_use.note("")
    return answer if service.settings.made_headers.are_none() else _with_made_headers(service, answer)


def repeated_answer(service: Service, fingerprint: bytes, test_id: str | None) -> Answer | None:
    """Return the next answer to a request that was answered before; None where `recorded_answer` is needed.

    Args:
        fingerprint: see there; of a request that does not say how it is to be answered.
    """
    settings = service.settings
    if not settings.made_headers.are_none() or service.run.requests.is_on:
        return None
    answer = service.replayer.repeated(fingerprint, settings.terms)
    if answer is not None:
        service.run.report.add_replayed(test_id, service.name_of(answer.path))
    return answer


def _with_made_headers[T: Answer | Delivery](service: Service, answer: T) -> T:
    """Return an answer with made-up headers, except names that its recording or a fault has already set."""
    made = service.run.allowance.headers(service.settings.made_headers, answer.size(), time.monotonic())
    if answer.status >= HTTPStatus.BAD_REQUEST:
        made = capped(made, service.settings.terms.most_wait_s)
    present = {name.lower() for name, _ in answer.headers}
    return replace(answer, headers=(*answer.headers, *(one for one in made if one[0] not in present)))


async def _under_terms(
    service: Service, terms: Terms, fingerprint: bytes, describe: Describe, but: frozenset[Path]
) -> Answer | Delivery | None:
    if terms.are_plain():
        return await service.replayer.answer(fingerprint, describe, but=but)
    return await service.replayer.delivery(fingerprint, describe, terms, but=but)


def trouble_of(answer: Answer | Delivery | SessionDelivery) -> str:
    """Say how an answer is changed on purpose, in words for the log; "" for an answer as it was recorded.

    The time is that of its plan, in ms after the request: a client that reads slowly takes longer.
    """
    if isinstance(answer, Answer):
        return ""
    parts = (
        f"fault {answer.rule}" if answer.rule else "",
        "paced" if answer.is_paced else "",
        _end_of(answer),
    )
    return "  ".join(filter(None, parts))


def _end_of(answer: Delivery | SessionDelivery) -> str:
    if isinstance(answer, SessionDelivery):
        return ""  # the client's own pace decides it
    last_ms = max(answer.head_at_ms, answer.end_at_ms)
    if answer.ending is Ending.STALL:
        return "without an end"
    return f"until {last_ms:.0f} ms" if last_ms > 0 else ""


def report_trouble(service: Service, test_id: str | None, delivery: Delivery | SessionDelivery) -> None:
    """Count a paced or faulty answer, so that it is not taken for a bug."""
    service.fault_use.note(delivery.rule)
    if delivery.is_paced:
        service.run.report.add_paced(test_id)
    if delivery.fault:
        service.run.report.add_faulted(test_id, delivery.fault)
    if delivery.lacks_times:
        service.say_once(_NO_TIMES, service.name_of(delivery.path))
    if delivery.passed_over:
        service.say_once(_PASSED_OVER, delivery.passed_over, kind_of(delivery))


def kind_of(delivery: Delivery | SessionDelivery) -> str:
    """Say which answer it is, for a rule about a chunk that the answer does not have."""
    if isinstance(delivery, SessionDelivery):
        return f"a session with {number_of(delivery.chunks(), 'message')} of the server"
    chunks = delivery.chunks()
    if chunks is None:
        return "no stream"
    all_chunks = faults.count_chunks(delivery)
    return (
        f"a stream of {number_of(all_chunks, 'chunk')}{', [DONE] among them' if all_chunks > chunks else ''}"
    )


async def explained_miss(service: Service, api_request: ApiRequest) -> Refusal:
    """Return the refusal of a request without a recording; the log and the report get the differences."""
    found = await service.run.worker.call(partial(miss.find_miss, service.store, api_request))
    advice = found.advice(service.run.front_end)
    service.run.report.add_miss(found, advice)
    _log_miss(service, api_request)
    log.warning("%s\n%s", found.explanation(), advice)
    return Refusal(service.run.front_end.reworded(found.summary()), "recording_not_found")


def invalid_header(service: Service, api_request: ApiRequest, problem: str) -> Refusal:
    """Return the refusal of a request that says with nonsense how it is to be answered."""
    return _refused(service, api_request, problem, "replay_header_invalid")


def bad_upgrade(service: Service, api_request: ApiRequest, problem: str) -> Refusal:
    """Return the refusal of an upgrade to a WebSocket that is none."""
    return _refused(service, api_request, problem, "upgrade_invalid")


def use_http_instead(service: Service, path: str, test_id: str | None) -> tuple[int, Headers, bytes]:
    """Return the refusal of an upgrade by recording_websocket=refuse; it is no miss, because HTTP may follow it."""
    service.run.report.add_refused_upgrade(test_id)
    request = f"GET {path.partition('?')[0]}"
    service.run.requests.write(RequestLine(Outcome.REFUSED, request, test_id, trouble="WebSocket"))
    return _USE_HTTP_INSTEAD


def _refused(service: Service, api_request: ApiRequest, problem: str, code: str) -> Refusal:
    """Return the refusal of a request with a mistake; the log and the report name it.

    The report has it among the missed requests: it got no recorded answer. It has an entry for each problem.
    """
    log.error("Refused: %s: %s", api_request.reference(), problem)
    details: dict[str, JSON] = {**_named(api_request), "refused": problem}
    service.run.report.add_missed(
        api_request.test_id, f"{api_request.name()} {shortened(problem, _LONGEST_PROBLEM)}", details
    )
    service.run.requests.write(RequestLine(Outcome.REFUSED, api_request.label(), api_request.test_id))
    return Refusal(problem, code)


def failed_replay(
    service: Service, method: str, path: str, test_id: str | None, problem: BaseException
) -> Refusal:
    """Return the refusal of a request whose replay failed by a bug, and count it as one without an answer.

    Args:
        path: without query. The request itself may be what cannot be described.
    """
    what = f"{method} {path}"
    details: dict[str, JSON] = {
        "method": method,
        "endpoint": path,
        "request": what,
        "refused": f"the replay failed, {type(problem).__name__}: {problem}",
    }
    service.run.report.add_missed(test_id, what, details)
    service.run.requests.write(RequestLine(Outcome.REFUSED, what, test_id))
    return REPLAY_FAILED


def _named(api_request: ApiRequest) -> dict[str, JSON]:
    """Return the members by which the report names a request without an answer."""
    return {
        "method": api_request.method,
        "endpoint": api_request.endpoint(),
        "request": api_request.name(),
    }


def _log_miss(service: Service, api_request: ApiRequest) -> None:
    service.run.requests.write(RequestLine(Outcome.MISSED, api_request.label(), api_request.test_id))


def unreadable(service: Service, api_request: ApiRequest, exc: BadRecording) -> Refusal:
    """Return the refusal of a request whose recording cannot be read; log and report say where, and the next step."""
    advice = miss.advice_for_unreadable(exc.path, api_request, service.run.front_end)
    log.error("A recording cannot be replayed: %s\n%s", exc, advice)
    details: dict[str, JSON] = {**_named(api_request), "unreadable": str(exc), "advice": advice}
    service.run.report.add_missed(api_request.test_id, api_request.name(), details)
    _log_miss(service, api_request)
    message = f"The recording {exc.path.name} cannot be read; the proxy's log says where."
    return Refusal(service.run.front_end.reworded(message), "recording_unreadable")
