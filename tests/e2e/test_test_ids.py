"""Where a request's test id comes from, that it never leaves the proxy, and that tests keep apart."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from clients.toolchains import client_named
from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, answer_in_turn, said
from support.proxy import CEILING_S, Proxy, curl, proxy, recordings, wait_until
from support.requests import CHAT_PATH, CHAT_URL, chat_body

TEST_IDS = (
    "plain",
    "tests/test_a.py::test_b[case one-2]",
    "tests/übung.py::test_東京 🗼",
    "100% sure",
    "../../outside",
)


def quoted(test_id: str) -> str:
    return quote(test_id, safe="")


def recorded_ids(folder: Path) -> list[str | None]:
    return [recording["test_id"] for recording in recordings(folder).values()]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(plain=True) as running:
        yield running


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("test-ids")


@pytest.fixture(scope="module")
def recorder(top: Path, upstream: Upstream) -> Iterator[Proxy]:
    """A proxy that records in any of the two modes of connection."""
    options = (
        "recording_mode=record",
        f"recording_dir={top / 'recordings'}",
        "recording_hosts=api.openai.com",
    )
    with proxy(top / "home", *options, upstream=upstream) as running:
        yield running


@pytest.fixture(scope="module")
def base_url_recorder(top: Path, upstream: Upstream) -> Iterator[Proxy]:
    options = ("recording_mode=record", f"recording_dir={top / 'recordings'}")
    with proxy(top / "home", *options, upstream=upstream, mode=REVERSE) as running:
        yield running


def check(top: Path, upstream: Upstream, body: dict[str, object], test_id: str) -> None:
    """Assert that the recording of `body` has the test id, and that the upstream has heard nothing of it."""
    folder = top / "recordings"
    of_body = wait_until(
        lambda: [one for one in recordings(folder).values() if one["request"]["body"] == body],
        "it is recorded",
    )
    assert [recording["test_id"] for recording in of_body] == [test_id]
    seen = upstream.requests[-1]
    assert seen.json() == body
    assert seen.target == CHAT_PATH
    names = {name.lower() for name, _ in seen.headers}
    assert names.isdisjoint({"x-test-id", "proxy-authorization", "proxy-connection"})
    for text in (test_id, quoted(test_id)):
        assert text not in f"{seen.target} {seen.headers}"


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
@pytest.mark.parametrize("test_id", TEST_IDS)
@pytest.mark.parametrize("how", ["as it is", "percent-encoded"])
def test_the_header_names_the_test(
    top: Path, recorder: Proxy, upstream: Upstream, test_id: str, how: str, protocol: str
) -> None:
    body = chat_body(f"header {how} {test_id} {protocol}")
    value = test_id if how == "as it is" else quoted(test_id)
    asked = curl(recorder, CHAT_URL, protocol, "-H", f"X-Test-Id: {value}", "-d", json.dumps(body))
    assert asked.returncode == 0, asked.stderr
    check(top, upstream, body, test_id)


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
@pytest.mark.parametrize("test_id", TEST_IDS)
def test_the_proxy_s_user_names_the_test(
    top: Path, recorder: Proxy, upstream: Upstream, test_id: str, protocol: str
) -> None:
    body = chat_body(f"user {test_id} {protocol}")
    asked = curl(recorder, CHAT_URL, protocol, "-d", json.dumps(body), test_id=quoted(test_id))
    assert asked.returncode == 0, asked.stderr
    check(top, upstream, body, test_id)


@pytest.mark.parametrize("name", ["openai-python", "openai-node", "openai-go"])
def test_the_proxy_s_user_of_an_sdk_names_the_test(top: Path, upstream: Upstream, name: str) -> None:
    client = client_named(name)
    if reason := client.available():
        pytest.skip(reason)
    test_id = "tests/test_a.py::test_b[größer]"
    folder = top / f"recordings-{name}"
    with proxy(
        top / "home", "recording_mode=record", f"recording_dir={folder}", upstream=upstream
    ) as running:
        # Node leaves a user without a password out.
        environment = running.environment(test_id=f"{quoted(test_id)}:any", NODE_USE_ENV_PROXY="1")
        subprocess.run(
            [*client.build(), "chat"], env=environment, timeout=CEILING_S, check=True, capture_output=True
        )
    assert recorded_ids(folder) == [test_id]
    assert "proxy-authorization" not in {header.lower() for header, _ in upstream.requests[-1].headers}


@pytest.mark.parametrize("test_id", TEST_IDS)
def test_a_prefix_of_the_path_names_the_test(
    top: Path, base_url_recorder: Proxy, upstream: Upstream, test_id: str
) -> None:
    body = chat_body(f"prefix {test_id}")
    with BaseURL(base_url_recorder) as client:
        assert client.send(body, f"/@{quoted(test_id)}{CHAT_PATH}").status == 200
    check(top, upstream, body, test_id)


def test_an_sdk_takes_the_prefix_in_its_base_url(
    top: Path, base_url_recorder: Proxy, upstream: Upstream
) -> None:
    client = client_named("openai-python")
    if reason := client.available():
        pytest.skip(reason)
    test_id = "tests/test_a.py::test_b[ü 1]"
    environment = base_url_recorder.environment(
        OPENAI_BASE_URL=f"{base_url_recorder.url}/@{quoted(test_id)}/v1"
    )
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"):
        del environment[name]
    subprocess.run(
        [*client.build(), "stream"], env=environment, timeout=CEILING_S, check=True, capture_output=True
    )
    check(top, upstream, upstream.requests[-1].json(), test_id)


def test_plain_http_through_the_proxy_has_the_user_with_each_request(top: Path, upstream: Upstream) -> None:
    folder = top / "recordings-plain"
    options = ("recording_mode=record", f"recording_dir={folder}", "recording_hosts=llm.example:80")
    with proxy(top / "home", *options, upstream=upstream) as running:
        body = json.dumps(chat_body("plain"))
        asked = curl(running, f"http://llm.example{CHAT_PATH}", "-d", body, test_id=quoted("a::b"))
    assert asked.returncode == 0, asked.stderr
    assert recorded_ids(folder) == ["a::b"]
    assert "proxy-authorization" not in {header.lower() for header, _ in upstream.requests[-1].headers}


def test_the_first_of_header_user_prefix_and_option_wins(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    options = ("recording_mode=record", f"recording_dir={folder}", "recording_test_id=of the option")
    with proxy(tmp_path, *options, upstream=upstream) as running:
        for extra, test_id in ((["-H", "X-Test-Id: of the header"], "user"), ([], "user"), ([], "")):
            body = json.dumps(chat_body(f"{extra} {test_id}"))
            assert curl(running, CHAT_URL, *extra, "-d", body, test_id=test_id).returncode == 0
    assert sorted(map(str, recorded_ids(folder))) == ["of the header", "of the option", "user"]
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert (
            client.send(chat_body("header and prefix"), f"/@prefix{CHAT_PATH}", test_id="header").status
            == 200
        )
        assert client.send(chat_body("prefix and option"), f"/@prefix{CHAT_PATH}").status == 200
        assert client.send(chat_body("option"), CHAT_PATH).status == 200
    by_text = {
        one["request"]["body"]["messages"][0]["content"]: one["test_id"]
        for one in recordings(folder).values()
    }
    assert by_text["header and prefix"] == "header"
    assert by_text["prefix and option"] == "prefix"
    assert by_text["option"] == "of the option"


def test_an_id_never_becomes_a_path(top: Path, recorder: Proxy) -> None:
    body = json.dumps(chat_body("an id that looks like a path"))
    assert curl(recorder, CHAT_URL, "-H", "X-Test-Id: ../../../etc/passwd", "-d", body).returncode == 0
    folder = top / "recordings"
    assert {path.parent for path in top.rglob("*.json") if path.parent.name.startswith("recordings")} >= {
        folder
    }
    assert not list(top.rglob("*passwd*"))


# --- whose recording answers --------------------------------------------------------------------------------------


def record_for(tmp_path: Path, upstream: Upstream, *test_ids: str) -> Path:
    """Record one request for each test, each with an answer that says whose it is."""
    folder = tmp_path / "recordings"
    upstream.reset()
    answer_in_turn(upstream, *(f"for {test_id or 'nobody'}" for test_id in test_ids))
    options = ("recording_mode=record", f"recording_dir={folder}")
    with (
        proxy(tmp_path / "home", *options, upstream=upstream, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        for test_id in test_ids:
            assert client.send(chat_body("Who am I?"), test_id=quoted(test_id)).status == 200
    assert sorted(str(one) for one in recorded_ids(folder)) == sorted(one or "None" for one in test_ids)
    return folder


def said_to(client: BaseURL, test_id: str) -> str:
    """Return the answer to a test, "miss" if there is none."""
    return said(client.send(chat_body("Who am I?"), test_id=quoted(test_id)))


def test_a_test_s_own_recording_answers_then_one_of_no_test_then_another_s(
    tmp_path: Path, upstream: Upstream
) -> None:
    folder = record_for(tmp_path, upstream, "a", "b", "")
    with (
        proxy(tmp_path / "home", f"recording_dir={folder}", mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        assert [said_to(client, one) for one in ("a", "b", "", "c")] == [
            "for a",
            "for b",
            "for nobody",
            "for nobody",
        ]
        of_nobody = [name for name, one in recordings(folder).items() if one["test_id"] is None]
        (folder / of_nobody[0]).unlink()
        first = next(iter(recordings(folder).values()))["test_id"]
        assert [said_to(client, one) for one in ("a", "b", "", "c")] == [
            "for a",
            "for b",
            *[f"for {first}"] * 2,
        ]


def test_with_require_no_other_test_s_recording_answers(tmp_path: Path, upstream: Upstream) -> None:
    folder = record_for(tmp_path, upstream, "a", "")
    options = (f"recording_dir={folder}", "recording_test_match=require")
    with proxy(tmp_path / "home", *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert [said_to(client, one) for one in ("a", "", "b", "A")] == [
            "for a",
            "for nobody",
            "miss",
            "miss",
        ]
        difference = 'test id: recorded "a", asked "b"', 'test id: recorded nothing, asked "b"'
        assert any(text in running.log() for text in difference)


def test_positions_in_a_sequence_are_each_test_s_own(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    upstream.reset()
    answer_in_turn(upstream, "one", "two", "three")
    options = (f"recording_dir={folder}",)
    with proxy(tmp_path, *options, "recording_mode=record", upstream=upstream, mode=REVERSE) as running:
        with BaseURL(running) as client:
            assert [client.send(chat_body("Who am I?")).status for _ in range(3)] == [200] * 3
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        asked = [said_to(client, one) for one in ("a", "b", "a", "a", "b", "a")]
    assert asked == ["one", "one", "two", "three", "two", "three"]


ASKING = """
import sys
from openai import OpenAI

client = OpenAI()
for number in range(25):
    said = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Who am I?"}]
    )
    print(said.http_response.json()["said"])
"""


def test_two_processes_side_by_side_never_see_each_other_s_answers(
    tmp_path: Path, upstream: Upstream
) -> None:
    test_ids = ("tests/test_a.py::test[1]", "tests/test_a.py::test[2]")
    folder = record_for(tmp_path, upstream, *test_ids)

    def ask(test_id: str) -> list[str]:
        ended = subprocess.run(
            [sys.executable, "-c", ASKING],
            env=running.environment(test_id=quoted(test_id)),
            capture_output=True,
            text=True,
            timeout=CEILING_S,
            check=True,
        )
        return ended.stdout.splitlines()

    with proxy(tmp_path / "home", f"recording_dir={folder}") as running, ThreadPoolExecutor() as pool:
        answers = list(pool.map(ask, test_ids))
    assert answers == [[f"for {test_id}"] * 25 for test_id in test_ids]
