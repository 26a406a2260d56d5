"""`service`: the control page and the report, for one process or for several that share a run."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_replay.front_end import FRONT_END, FrontEnd
from openai_replay.options import OPTIONS, settings
from openai_replay.replay.answer import Answer
from openai_replay.replay.delivery import Delivery
from openai_replay.replay.shared_run import ENVIRONMENT_NAME, SharedPositions, mark_last
from openai_replay.service.answering import Refusal, explained_miss, recorded_answer
from openai_replay.service.service import Run, Service
from openai_replay.trouble.terms import NO_OWN_HEADERS, OwnHeaders
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


def ask(service: Service, text: str, headers: OwnHeaders = NO_OWN_HEADERS) -> Answer | Delivery | Refusal:
    request = chat(text)

    async def answered() -> Answer | Delivery | Refusal:
        answer = await recorded_answer(service, text.encode(), lambda: request, None, own_headers=headers)
        return answer or await explained_miss(service, request)

    return asyncio.run(answered())


def control(service: Service, method: str, target: str) -> tuple[int, dict[str, object]]:
    answer = asyncio.run(service.control_answer(method, target))
    return answer.status, json.loads(answer.content)


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


def test_a_recording_that_cannot_be_read_is_told_with_the_next_step(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / f"{chat('Bad').name()}.json"
    path.write_text("<<<<<<< HEAD\n{}\n=======\n[]\n>>>>>>> other\n")
    ask(service, "Bad")
    advice = (
        f"  Next: restore the file (git checkout HEAD -- {path}), or record it again, with a key: "
        "mitmdump --set recording_mode=record …"
    )
    assert (
        f"{path}: expected JSON, the file has conflicts of a git merge @ line 1 column 1\n{advice}"
        in caplog.text
    )
    report: Any = control(service, "GET", "/report")[1]
    assert [entry["advice"] for entry in report["missed"]] == [advice]


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


def test_the_headers_of_a_request_pace_it_and_put_a_fault_into_it(service: Service, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    paced = ask(service, "Hi", OwnHeaders(pacing="ttft=5ms"))
    faulty = ask(service, "Hi", OwnHeaders(fault="rate_limit;first=1"))
    after = ask(service, "Hi", OwnHeaders(fault="rate_limit;first=1"))
    refused = ask(service, "Hi", OwnHeaders(fault="rate_limits"))
    report = control(service, "GET", "/report")[1]

    assert isinstance(paced, Delivery)
    assert (paced.end_at_ms, paced.fault) == (5, "")
    assert isinstance(faulty, Delivery)
    assert (faulty.status, faulty.fault) == (429, "rate_limit")
    assert isinstance(after, Answer)
    assert after.status == 200
    assert isinstance(refused, Refusal)
    assert refused.code == "replay_header_invalid"
    assert report["paced"] == [{"test_id": None, "times": 1}]
    assert report["faulted"] == [{"fault": "rate_limit", "test_id": None, "times": 1}]


def test_a_header_that_makes_no_sense_is_in_the_report_with_the_reason(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    refused, *_ = (ask(service, "Hi", OwnHeaders(pacing=value)) for value in ("\udcff", "\udcff", "3y"))
    report: Any = control(service, "GET", "/report")[1]

    assert isinstance(refused, Refusal)
    assert json.loads(refused.content(""))["error"]["code"] == "replay_header_invalid"
    first, second = report["missed"]
    name = chat("Hi").name()
    assert (first["method"], first["endpoint"], first["request"]) == ("POST", "/v1/chat/completions", name)
    assert first["refused"].startswith("X-Replay-Pacing='\\udcff': unknown word")
    assert second["refused"].startswith("X-Replay-Pacing='3y': ")
    assert [first["times"], second["times"], report["totals"]["missed"]] == [2, 1, 3]
    assert report["replayed"] == report["not_recorded"] == []
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith(f"Refused: POST /v1/chat/completions (request {name[:12]}): X-Replay-Pacing=")
    assert said[1].startswith("refused  POST /v1/chat/completions")


@pytest.mark.parametrize(
    ("front_end", "is_said"),
    [(FrontEnd.SERVE, True), (FrontEnd.ENGINE, True), (FrontEnd.RUN, False), (FrontEnd.MITMDUMP, False)],
)
def test_a_proxy_that_runs_by_itself_ends_with_the_counts(
    folder: Path, caplog: pytest.LogCaptureFixture, front_end: FrontEnd, is_said: bool
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    run = Run.new({FRONT_END: front_end.value})
    service = Service.opened(run, settings({**values, "recording_dir": str(folder)}), {})
    with caplog.at_level(logging.INFO):
        ask(service, "Hi")
        asyncio.run(service.finish())
    service.close()
    run.worker.close()

    assert (caplog.messages[-1] == "1 replayed, 0 recorded, 0 missed, 0 unused") is is_said


def test_the_last_of_several_workers_ends_with_the_counts_of_all(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    environment = {FRONT_END: FrontEnd.SERVE.value, ENVIRONMENT_NAME: str(tmp_path)}
    ends = []
    for number in range(3):
        run = Run.new(environment)
        service = Service.opened(run, settings({**values, "recording_dir": str(folder)}), {})
        if number == 2:
            mark_last(tmp_path)
        with caplog.at_level(logging.INFO):
            ask(service, "Hi")
            asyncio.run(service.finish())
        service.close()
        run.worker.close()
        assert isinstance(run.positions, SharedPositions)
        run.positions.close()
        ends.append(caplog.messages[-1])

    counts = "3 replayed, 0 recorded, 0 missed, 0 unused"
    assert [end == counts for end in ends] == [False, False, True]


def test_rules_without_effect_are_in_the_report(folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    faults = ("error=503;path=/v1/nope", "rate_limit;model=none")
    values |= {"recording_dir": str(folder), "recording_faults": faults}
    service = Service.opened(Run.new({}), settings(values), {})
    assert "rules_without_effect" not in control(service, "GET", "/report")[1]
    assert isinstance(ask(service, "Hi"), Answer)
    reported = control(service, "GET", "/report")[1]
    service.close()
    service.run.worker.close()

    assert reported["rules_without_effect"] == [
        "recording_faults='error=503;path=/v1/nope' changed no answer of this run.",
        "recording_faults='rate_limit;model=none' changed no answer of this run.",
    ]


def test_a_rule_about_a_chunk_that_the_answer_does_not_have_is_pointed_out_once(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    answers = [ask(service, "Hi", OwnHeaders(fault="malformed_at=2")) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "The fault malformed_at=2 was passed over, because the answer is no stream. (This is said once.)"
    ]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (
            "replay",
            "Recorded answers are not sent as they were: recording_pacing=2x, recording_faults=error=503.",
        ),
        (
            "record",
            "recording_mode=record sends the API's answers as they are: recording_pacing=2x, "
            "recording_faults=error=503 has no effect.",
        ),
        (
            "live",
            "recording_mode=live sends the API's answers as they are: recording_pacing=2x, "
            "recording_faults=error=503 has no effect.",
        ),
    ],
)
def test_pacing_and_faults_are_announced(
    folder: Path, caplog: pytest.LogCaptureFixture, mode: str, said: str
) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_mode": mode}
    values |= {"recording_pacing": "2x", "recording_faults": ("error=503",)}
    service = Service.opened(Run.new({}), settings(values), {})
    service.announce_terms()
    service.close()
    service.run.worker.close()

    assert [record.message for record in caplog.records] == [said]


@pytest.mark.parametrize("mode", ["replay", "record", "record-if-missing", "live"])
def test_a_folder_without_a_recording_is_pointed_out_in_replay(
    folder: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_mode": mode}
    environment = {FRONT_END: FrontEnd.RUN.value}
    service = Service.opened(Run.new(environment), settings(values), {})
    service.point_out_empty_folder()
    service.close()
    service.run.worker.close()

    said = (
        f"recording_dir={str(folder)!r} has no recording: each request will miss. "
        "Record first, with openai-replay run --mode record …"
    )
    assert [record.message for record in caplog.records] == [said] * (mode == "replay")


def test_workers_give_a_warning_once(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_pacing": "2x"}
    for _ in range(2):
        service = Service.opened(Run.new({ENVIRONMENT_NAME: str(tmp_path)}), settings(values), {})
        service.announce_terms()
        service.point_out_empty_folder()
        for _ in range(2):
            service.say_once("Mind %s.", "the gap")
        service.close()
        service.run.worker.close()
        assert isinstance(service.run.positions, SharedPositions)
        service.run.positions.close()
    begins = [record.message.partition(" ")[0] for record in caplog.records]
    assert begins == ["Recorded", f"recording_dir={str(folder)!r}", "Mind"]


def test_a_cap_holds_for_made_up_headers_of_an_injected_failure(folder: Path) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_made_headers": ("x-ratelimit=9/99999",)}
    values |= {"recording_retry_after": "2", "recording_faults": ("rate_limit;retry_after=20;first=1",)}
    service = Service.opened(Run.new({}), settings(values), {})
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    failed, answered = ask(service, "Hi"), ask(service, "Hi")
    service.close()
    service.run.worker.close()

    failure = dict(failed.headers)
    assert (failure["retry-after"], failure["x-ratelimit-reset-requests"]) == ("2", "2s")
    assert float(dict(answered.headers)["x-ratelimit-reset-requests"].removesuffix("s")) > 2


def test_a_reset_lets_faults_begin_again(service: Service, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    statuses = []
    for _ in range(2):
        control(service, "POST", "/reset")
        for _ in range(2):
            answer = ask(service, "Hi", OwnHeaders(fault="error=500;first=1"))
            statuses.append(answer.status)
    assert statuses == [500, 200, 500, 200]


def test_a_recording_without_times_is_pointed_out_once(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("Hi", "Bye"):
        write_recording(folder, f"{text}.json", chat(text), {"n": 1})
        ask(service, text, OwnHeaders(pacing="recorded"))
    assert [record.message for record in caplog.records] == [
        "Hi.json has no times, so it is replayed at once, like every recording that was not made with "
        "recording_timing=true. (This is said once.)"
    ]


def test_made_up_headers_come_beside_the_recorded_ones(folder: Path) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {
        "recording_dir": str(folder),
        "recording_made_headers": ("x-request-id", "x-ratelimit=9/99999"),
    }
    service = Service.opened(Run.new({}), settings(values), {})
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    answers = [ask(service, "Hi") for _ in range(2)]
    service.close()
    service.run.worker.close()
    headers = [dict(answer.headers) for answer in answers]
    assert [one["x-ratelimit-remaining-requests"] for one in headers] == ["8", "7"]
    assert headers[0]["x-request-id"] != headers[1]["x-request-id"]
    assert headers[0]["content-type"] == "application/json"


# --- secrets of recordings that were made elsewhere --------------------------------------------------------------

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
OWN = "plain-credential-without-a-look"


def foreign_recordings(folder: Path, secret: str) -> None:
    """Write recordings whose test ids, prompts, paths and faults hold a secret."""
    request = chat(f"My key is {secret}", url=f"https://api.openai.com/v1/{secret}/chat/completions")
    write_recording(folder, "a.json", request, {"said": secret}, test_id=f"tests/{secret}")
    write_recording(folder, "b.json", chat("Hi"), {"said": secret}, test_id=secret)
    (folder / "c.json").write_text(json.dumps({"request": {"method": secret}}))


@pytest.mark.parametrize("ending", ["json", "html", "xml"])
@pytest.mark.parametrize("secret", [KEY, OWN], ids=["by its look", "of a request"])
def test_no_secret_of_a_foreign_recording_reaches_the_report_or_the_index(
    folder: Path, tmp_path: Path, ending: str, secret: str
) -> None:
    foreign_recordings(folder, secret)
    report = tmp_path / f"report.{ending}"
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(folder), "recording_report": str(report)}
    service = Service.opened(Run.new({}), settings(values), {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    service.run.secrets.learn([OWN])
    assert isinstance(ask(service, "My key is no key"), Refusal)
    assert isinstance(ask(service, "Hi"), Answer)
    asyncio.run(service.finish())
    service.close()
    service.run.worker.close()

    written = [path for path in (report, *(tmp_path / "cache").rglob("*")) if path.is_file()]
    assert report in written
    assert [path for path in written if secret.encode() in path.read_bytes()] == []


def test_the_index_of_a_run_without_such_recordings_is_kept(folder: Path, tmp_path: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values["recording_dir"] = str(folder)
    service = Service.opened(Run.new({}), settings(values), {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    service.run.secrets.learn([OWN])
    ask(service, "Bye")
    asyncio.run(service.finish())
    service.close()
    service.run.worker.close()

    assert [path.suffix for path in (tmp_path / "cache").rglob("*.sqlite3")] == [".sqlite3"]
