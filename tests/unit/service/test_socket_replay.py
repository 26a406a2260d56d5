"""`socket_replay`: an upgrade gets its messages from the recordings, or an error event and the close code 1008."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openai_replay.format.recording import JSON
from openai_replay.options import OPTIONS, settings
from openai_replay.replay.delivery import Delivery
from openai_replay.request.upgrade import upgrade_body
from openai_replay.service.service import Run, Service
from openai_replay.service.socket_replay import replayed_upgrade
from openai_replay.service.socket_requests import Upgrade
from openai_replay.service.web_socket import Accepted
from openai_replay.trouble.terms import NO_OWN_HEADERS, OwnHeaders
from unit import sessions
from unit.exchanges import write_recording
from unit.service.conversations import MemorySocket

RESPONSES = "https://api.openai.com/v1/responses"
REALTIME = "https://api.openai.com/v1/realtime?model=gpt-realtime"
CREATE = json.dumps({"type": "response.create", "model": "m", "input": "Hi"})

EVENTS = [
    {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}},
    {"type": "response.completed", "sequence_number": 1, "response": {"id": "resp_1"}},
]
CEILING_S = 20
KEY = "plain-credential-without-a-look"

type UpgradeOf = Callable[[str], Upgrade]


@pytest.fixture
def upgrade_of(folder: Path) -> Iterator[UpgradeOf]:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    service = Service.opened(Run.new({}), settings({**values, "recording_dir": str(folder)}), {})
    yield lambda url: Upgrade(service, url, upgrade_body(()), None, (), NO_OWN_HEADERS)
    service.close()
    service.run.worker.close()


def conversation(upgrade: Upgrade, socket: MemorySocket) -> list[Any]:
    """Return the events that a client got."""

    async def main() -> None:
        accepted = await replayed_upgrade(upgrade)
        assert isinstance(accepted, Accepted)
        async with asyncio.timeout(CEILING_S):
            await accepted.serve(socket)

    asyncio.run(main())
    return [json.loads(message) for message in socket.sent]


def record_stream(folder: Path, upgrade: Upgrade) -> None:
    request = upgrade.post({"model": "m", "input": "Hi", "stream": True})
    lines: list[JSON] = [line for event in EVENTS for line in (f"data: {json.dumps(event)}", "")]
    write_recording(folder, f"{request.name()}.json", request, lines, is_streaming=True)


def record_session(folder: Path, upgrade: Upgrade) -> None:
    sessions.recording(folder, [("server", event) for event in EVENTS])


def test_a_message_gets_the_events_of_a_recorded_stream_without_its_end_mark(
    folder: Path, upgrade_of: UpgradeOf
) -> None:
    upgrade = upgrade_of(RESPONSES)
    record_stream(folder, upgrade)
    socket = MemorySocket(CREATE, answers=len(EVENTS))

    assert conversation(upgrade, socket) == EVENTS
    assert socket.closed is None
    assert upgrade.service.run.report.totals()["replayed"] == 1


def test_a_message_without_a_recording_gets_an_error_event_and_the_socket_stays_open(
    upgrade_of: UpgradeOf,
) -> None:
    socket = MemorySocket(CREATE)
    (event,) = conversation(upgrade_of(RESPONSES), socket)
    assert (event["type"], event["error"]["code"]) == ("error", "recording_not_found")
    assert socket.closed is None


@pytest.mark.parametrize(
    ("received", "fault"),
    [(f"hello {KEY}", "no JSON"), (f'{{"authorization":"{KEY}",}}', "no JSON"), (KEY.encode(), "binary")],
)
def test_a_message_that_is_no_json_is_said_to_be_that_and_shown_without_secrets(
    upgrade_of: UpgradeOf, caplog: pytest.LogCaptureFixture, received: str | bytes, fault: str
) -> None:
    upgrade = replace(upgrade_of(RESPONSES), credentials=(KEY,))
    (event,) = conversation(upgrade, MemorySocket(received))

    text = f"The message is {fault}: expected a JSON object with a type, such as response.create."
    assert event["error"]["message"] == text
    assert text in caplog.text
    assert "REDACTED" in caplog.text
    assert KEY not in caplog.text + str(
        upgrade.service.run.report.to_json("replay", [], None, all_tests=True)
    )


def test_a_session_without_a_recording_gets_an_error_event_and_is_closed_for_good(
    upgrade_of: UpgradeOf,
) -> None:
    socket = MemorySocket(answers=2)
    (event,) = conversation(upgrade_of(REALTIME), socket)
    assert (event["type"], event["error"]["code"]) == ("error", "recording_not_found")
    assert socket.closed is not None
    assert socket.closed.code == 1008


def test_a_recorded_refusal_answers_the_upgrade_itself(folder: Path, upgrade_of: UpgradeOf) -> None:
    upgrade = upgrade_of(REALTIME)
    request = upgrade.api_request()
    write_recording(folder, f"{request.name()}.json", request, {"error": {"message": "No."}}, status=401)

    answer = asyncio.run(replayed_upgrade(upgrade))
    assert isinstance(answer, Delivery)
    assert answer.status == 401


class CountingSocket(MemorySocket):
    """A client that asks with each message how many answers are under way."""

    def __init__(self, upgrade: Upgrade, *messages: str) -> None:
        super().__init__(*messages, answers=len(EVENTS))
        self._progress = upgrade.service.run.progress
        self.open: list[int] = []

    async def send(self, message: str | bytes) -> None:
        self.open.append(self._progress.totals()[0])
        await super().send(message)

    async def sleep(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)


@pytest.mark.parametrize(
    ("url", "record", "messages"),
    [(RESPONSES, record_stream, [CREATE]), (REALTIME, record_session, [])],
    ids=["responses", "realtime"],
)
@pytest.mark.parametrize(
    ("headers", "is_counted"),
    [(NO_OWN_HEADERS, False), (OwnHeaders(pacing="ttft=2ms,gap=2ms"), True)],
    ids=["at once", "paced"],
)
def test_an_answer_that_takes_its_time_is_counted_as_long_as_it_lasts(
    folder: Path,
    upgrade_of: UpgradeOf,
    url: str,
    record: Callable[[Path, Upgrade], None],
    messages: list[str],
    headers: OwnHeaders,
    is_counted: bool,
) -> None:
    upgrade = replace(upgrade_of(url), own_headers=headers)
    record(folder, upgrade)
    socket = CountingSocket(upgrade, *messages)

    assert conversation(upgrade, socket) == EVENTS
    open_streams, behind_s = upgrade.service.run.progress.totals()
    assert socket.open == [is_counted] * len(EVENTS)
    assert open_streams == 0
    assert (behind_s > 0) is is_counted


def _text(text: str) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": text}]}}


def _session(number: int, *pairs: tuple[str, str]) -> sessions.Messages:
    """Return a session in which the client says texts, and gets answers, with the ids that the server makes."""
    about = {"id": f"sess_{number}", "expires_at": 1_700_000_000 + number}
    messages: sessions.Messages = [
        ("server", {"type": "session.created", "event_id": f"event_{number}", "session": about})
    ]
    for text, answer in pairs:
        done = {
            "type": "response.done",
            "response": {"id": f"resp_{number}", "text": answer, "of": f"sess_{number}"},
        }
        messages += [("client", _text(text)), ("server", done)]
    return messages


def _record_sessions(folder: Path, *recorded: sessions.Messages) -> None:
    for number, messages in enumerate(recorded, 1):
        sessions.recording(folder, messages, name="x" if number == 1 else f"x-{number}")


def _answers(upgrade: Upgrade, *texts: str) -> list[Any]:
    """Return the texts that a client gets for its own, and the error events."""
    socket = MemorySocket(*(json.dumps(_text(text)) for text in texts), answers=1 + len(texts))
    events = conversation(upgrade, socket)
    return [event.get("error") or event["response"]["text"] for event in events[1:]]


@pytest.mark.parametrize("order", list(itertools.permutations(["hello", "bye", "more"])))
def test_sessions_are_told_apart_by_the_clients_messages_in_any_order(
    folder: Path, upgrade_of: UpgradeOf, order: tuple[str, ...]
) -> None:
    texts = ("hello", "bye", "more")
    _record_sessions(folder, *(_session(n, (text, text.upper())) for n, text in enumerate(texts)))
    upgrade = upgrade_of(REALTIME)

    for text in (*order, *order):
        assert _answers(upgrade, text) == [text.upper()]
    totals = upgrade.service.run.report.totals()
    assert (totals["replayed"], totals["missed"]) == (6, 0)


def test_equal_sessions_keep_their_order_when_another_one_comes_first(
    folder: Path, upgrade_of: UpgradeOf
) -> None:
    pairs = (("hello", "1"), ("hello", "2"), ("bye", "3"))
    _record_sessions(folder, *(_session(n, pair) for n, pair in enumerate(pairs)))
    upgrade = upgrade_of(REALTIME)

    said = [_answers(upgrade, text) for text in ("bye", "hello", "bye", "hello", "hello", "hello")]
    assert said == [["3"], ["1"], ["3"], ["2"], ["2"], ["2"]]


def test_the_ids_that_the_client_got_stay_when_another_session_goes_on(
    folder: Path, upgrade_of: UpgradeOf
) -> None:
    updated = {"type": "session.updated", "event_id": "event_9", "session": {"id": "sess_2", "expires_at": 7}}
    last = ("client", {"type": "session.close", "item_id": "sess_2"})
    _record_sessions(
        folder,
        _session(1, ("hello", "1")),
        [*_session(2), ("client", _text("bye")), ("server", updated), last],
    )
    upgrade = upgrade_of(REALTIME)
    close = json.dumps({"type": "session.close", "item_id": "sess_1"})
    events = conversation(upgrade, MemorySocket(json.dumps(_text("bye")), close, answers=2))

    assert [event["session"]["id"] for event in events] == ["sess_1", "sess_1"]
    assert upgrade.service.run.report.totals()["missed"] == 0


def test_a_session_that_fits_too_late_is_named_with_the_remedy(
    folder: Path, upgrade_of: UpgradeOf, caplog: pytest.LogCaptureFixture
) -> None:
    _record_sessions(
        folder, _session(1, ("hello", "Hi."), ("a", "A")), _session(2, ("hello", "Hello."), ("b", "B"))
    )
    upgrade = upgrade_of(REALTIME)
    first, error = _answers(upgrade, "hello", "b")

    assert first == "Hi."
    assert "x-2.json has the client's messages" in error["message"]
    assert "X-Test-Id" in error["message"]
    assert error["message"] in caplog.text
    report: dict[str, Any] = upgrade.service.run.report.to_json("replay", [], None, all_tests=True)
    (missed,) = report["missed"]
    assert missed["nearest"] == "x-2.json"
    totals = upgrade.service.run.report.totals()
    assert (totals["replayed"], totals["missed"]) == (0, 1)


def test_a_client_that_leaves_where_another_session_ends_has_said_all(
    folder: Path, upgrade_of: UpgradeOf
) -> None:
    longer: sessions.Messages = [*_session(1), ("client", _text("hello")), ("client", _text("more"))]
    _record_sessions(folder, longer, [*_session(2), ("client", _text("hello"))])
    upgrade = upgrade_of(REALTIME)

    conversation(upgrade, MemorySocket(json.dumps(_text("hello"))))
    totals = upgrade.service.run.report.totals()
    assert (totals["replayed"], totals["missed"]) == (1, 0)


def test_a_miss_names_the_next_steps(folder: Path, upgrade_of: UpgradeOf) -> None:
    _record_sessions(folder, _session(1, ("Today is 2025-01-01.", "Yes.")))
    (error,) = _answers(upgrade_of(REALTIME), "Today is 2025-02-03.")

    assert "--set recording_mode=record …" in error["message"]
    assert "recording_ignore" in error["message"]
