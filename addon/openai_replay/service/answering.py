"""Answer a request from the recordings, or refuse it with an explanation of the miss."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import BadRecording
from ..format.recording import JSON
from ..replay import miss
from ..replay.answer import Answer
from ..request.identity import ApiRequest
from .service import Service

log = logging.getLogger(__name__)

type Headers = tuple[tuple[str, str], ...]

JSON_HEADERS: Headers = (("content-type", "application/json"),)

type Describe = Callable[[], ApiRequest]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in place of an answer, with headers that keep clients from trying again."""

    message: str
    code: str = "recording_unavailable"
    status: int = miss.STATUS
    headers: Headers = (*JSON_HEADERS, ("x-should-retry", "false"))

    def content(self, user_agent: str) -> bytes:
        """Return the JSON of the error."""
        return miss.error_body(self.message, self.code, user_agent)


REPLAY_FAILED = Refusal("The replay failed; the proxy's log says why.")


async def recorded_answer(
    service: Service,
    fingerprint: bytes,
    describe: Describe,
    test_id: str | None,
    *,
    but: frozenset[Path] = frozenset(),
) -> Answer | Refusal | None:
    """Return the answer of a recording, a refusal where it cannot be read, None where there is none.

    Args:
        fingerprint: equal for requests of one test that are the same to the byte.
        describe: gives the request as matching sees it; called only when it is not remembered.
        but: files that must not answer.
    """
    try:
        answer = await service.replayer.answer(fingerprint, describe, but=but)
    except BadRecording as exc:
        return _unreadable(service, describe(), exc)
    if answer is not None:
        service.run.report.add_replayed(test_id, service.name_of(answer.path))
    return answer


async def explained_miss(service: Service, api_request: ApiRequest) -> Refusal:
    """Return the refusal of a request without a recording; the log and the report get the differences."""
    found = await service.run.worker.call(partial(miss.find_miss, service.store, api_request))
    service.run.report.add_miss(found)
    log.warning("%s", found.explanation())
    return Refusal(found.summary(), "recording_not_found")


def _unreadable(service: Service, api_request: ApiRequest, exc: BadRecording) -> Refusal:
    log.error("A recording cannot be replayed: %s", exc)
    details: dict[str, JSON] = {
        "method": api_request.method,
        "endpoint": api_request.endpoint(),
        "request": api_request.name(),
        "unreadable": str(exc),
    }
    service.run.report.add_missed(api_request.test_id, api_request.name(), details)
    message = f"The recording {exc.path.name} cannot be read; the proxy's log says where."
    return Refusal(message, "recording_unreadable")
