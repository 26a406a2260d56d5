"""`recording_ignore`: values that a program changes with each run count neither for matching nor for names."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL
from support.proxy import proxy, recordings
from support.requests import CHAT_PATH, chat_body

RULES = (
    "recording_ignore=metadata.run_id",
    "recording_ignore=user",
    r"recording_ignore=messages[*].content=\d{4}-\d\d-\d\d",
)


def request(day: str, run: str, user: str) -> dict[str, Any]:
    return chat_body(f"Today is {day}. What now?", metadata={"run_id": run, "suite": "nightly"}, user=user)


ONE = request("2026-03-03", "run-1", "user-1")
OTHER = request("2027-11-30", "run-2", "user-2")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def record(
    tmp_path: Path, upstream: Upstream, *options: str, bodies: tuple[dict[str, Any], ...]
) -> list[Any]:
    options = ("recording_mode=record", f"recording_dir={tmp_path / 'recordings'}", *options)
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        return [client.send(body).json() for body in bodies]


def test_what_is_ignored_neither_matches_nor_names(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    recorded = record(tmp_path, upstream, *RULES, bodies=(ONE,))[0]
    names = list(recordings(folder))
    with (
        proxy(tmp_path, f"recording_dir={folder}", *RULES, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        for body in (ONE, OTHER, without(OTHER, "user"), without(OTHER, "metadata", "run_id")):
            reply = client.send(body)
            assert reply.status == 200, reply.body
            assert reply.json()["choices"] == recorded["choices"]
        for body in (
            request("2026-3-3", "run-1", "user-1"),
            {**ONE, "metadata": {"run_id": "run-1", "suite": "weekly"}},
            {**ONE, "metadata": {"run_id": "run-1"}},
            {**ONE, "seed": 1},
            without(ONE, "metadata"),
        ):
            assert client.send(body).is_miss(), body
    assert record(tmp_path, upstream, *RULES, bodies=(OTHER,))
    assert list(recordings(folder)) == names


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    body = copy.deepcopy(body)
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return body


def test_the_recording_keeps_the_request_as_it_was_sent(tmp_path: Path, upstream: Upstream) -> None:
    record(tmp_path, upstream, *RULES, bodies=(ONE,))
    assert [one["request"]["body"] for one in recordings(tmp_path / "recordings").values()] == [ONE]
    assert upstream.requests[-1].json() == ONE


def test_repeats_that_differ_in_what_is_ignored_are_one_sequence(tmp_path: Path, upstream: Upstream) -> None:
    upstream.add(
        {"match": {"path": CHAT_PATH}, "sequence": [{"json": {"said": text}} for text in ("first", "second")]}
    )
    try:
        record(tmp_path, upstream, *RULES, bodies=(ONE, OTHER))
    finally:
        upstream.reset()
    folder = tmp_path / "recordings"
    assert len({name[:64] for name in recordings(folder)}) == 1
    with (
        proxy(tmp_path, f"recording_dir={folder}", *RULES, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        texts = [client.send(body).json()["said"] for body in (OTHER, ONE, ONE)]
    assert texts == ["first", "second", "second"]


def test_recordings_made_before_a_rule_are_found_with_it_and_not_without(
    tmp_path: Path, upstream: Upstream
) -> None:
    folder = tmp_path / "recordings"
    record(tmp_path, upstream, bodies=(ONE,))
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(OTHER).is_miss()
    with (
        proxy(tmp_path, f"recording_dir={folder}", *RULES, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        assert client.send(OTHER).status == 200
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(OTHER).is_miss(), "an index made with other rules must not answer"


def test_rules_come_from_the_environment_one_a_line(tmp_path: Path, upstream: Upstream) -> None:
    record(tmp_path, upstream, *RULES, bodies=(ONE,))
    lines = "\n".join(rule.removeprefix("recording_ignore=") for rule in RULES)
    environment = {
        "OPENAI_RECORDING_IGNORE": lines,
        "OPENAI_RECORDING_DIR": str(tmp_path / "recordings"),
    }
    with proxy(tmp_path, environment=environment, mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(OTHER).status == 200


def test_the_miss_does_not_count_what_is_ignored_as_a_difference(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    record(tmp_path, upstream, *RULES, bodies=(ONE,))
    with (
        proxy(tmp_path, f"recording_dir={folder}", *RULES, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        assert client.send({**OTHER, "seed": 1}).is_miss()
        missed = client.send(None, "/@/report").json()["missed"]
    assert [miss["differences"] for miss in missed] == [[{"path": "seed", "recorded": None, "asked": "1"}]]


def test_a_rule_that_took_nothing_out_of_a_run_is_pointed_out_at_its_end(
    tmp_path: Path, upstream: Upstream
) -> None:
    folder = tmp_path / "recordings"
    record(tmp_path, upstream, *RULES, bodies=(ONE,))
    rules = (*RULES, "recording_ignore=metadata.runid", "recording_ignore=@uuid")
    with proxy(tmp_path, f"recording_dir={folder}", *rules, mode=REVERSE) as running:
        with BaseURL(running) as client:
            assert client.send(OTHER).status == 200
        running.stop()
        pointed_out = [line for line in running.log().splitlines() if "matched nothing" in line]
    assert [line.partition("recording_ignore=")[2].partition(" ")[0] for line in pointed_out] == [
        "'metadata.runid'",
        "'@uuid'",
    ]
