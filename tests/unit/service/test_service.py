"""`service`: the control page and the report, for one process or for several that share a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.options import OPTIONS, settings
from openai_replay.replay.answer import Answer
from openai_replay.service.answering import Refusal, explained_miss, recorded_answer
from openai_replay.service.service import Run, Service
from unit.exchanges import chat, write_recording


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> Iterator[Service]:
    """A service of that folder, which writes its report to report.json."""
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_report": str(tmp_path / "report.json")}
    service = Service.opened(Run.new({}), settings(values), {})
    yield service
    service.close()
    service.run.worker.close()


def ask(service: Service, text: str) -> Answer | Refusal:
    request = chat(text)

    async def answered() -> Answer | Refusal:
        answer = await recorded_answer(service, text.encode(), lambda: request, None)
        return answer or await explained_miss(service, request)

    return asyncio.run(answered())


def control(service: Service, method: str, target: str) -> tuple[int, dict[str, object]]:
    status, content = asyncio.run(service.control_answer(method, target))
    return status, json.loads(content)


def test_each_request_is_in_the_report_as_an_answer_or_as_a_miss(service: Service, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    (folder / f"{chat('Bad').name()}.json").write_text("{")
    assert isinstance(ask(service, "Hi"), Answer)
    missed, unreadable = ask(service, "Bye"), ask(service, "Bad")
    assert isinstance(missed, Refusal)
    assert isinstance(unreadable, Refusal)
    assert (missed.code, unreadable.code) == ("recording_not_found", "recording_unreadable")
    assert json.loads(missed.content("Ruby"))["message"] == missed.message
    status, report = control(service, "GET", "/report")
    assert status == 200
    assert isinstance(report["totals"], dict)
    assert (report["totals"]["replayed"], report["totals"]["missed"]) == (1, 2)


def test_a_reset_empties_the_report(service: Service, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    ask(service, "Hi")
    assert control(service, "POST", "/reset") == (200, {"reset": True})
    assert control(service, "GET", "/report")[1]["replayed"] == []
    assert control(service, "GET", "/nothing")[0] == 404


def test_the_report_is_written_at_the_end(service: Service, folder: Path, tmp_path: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    ask(service, "Hi")
    asyncio.run(service.finish())
    assert json.loads((tmp_path / "report.json").read_bytes())["totals"]["replayed"] == 1
