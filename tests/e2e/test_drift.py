"""`openai-replay drift`: the mock API as it was recorded, and a second edition of it with other members and events."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL
from support.both import KEY
from support.proxy import CEILING_S, Proxy, bare_environment, proxy, recordings
from support.requests import CHAT_PATH, chat_body, embeddings_body, response_body

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
EMBEDDINGS = "  status: 404 invalid_request_error model_retired (was 200)"
SECOND_EDITION = Path(__file__).with_name("second_edition")

REQUESTS: list[tuple[str, dict[str, object]]] = [
    (CHAT_PATH, chat_body("one", stream=False)),
    (CHAT_PATH, chat_body("two", stream=True)),
    ("/v1/responses", response_body("three", stream=True)),
    ("/v1/embeddings", embeddings_body("four")),
]


@contextmanager
def api(home: Path, *, edition: int = 1) -> Iterator[Proxy]:
    """Run an edition of the mock API behind a proxy that passes everything through."""
    scenarios = [SECOND_EDITION] if edition == 2 else []
    with Upstream(scenarios=scenarios) as upstream:
        with proxy(home / f"edition-{edition}", "recording_mode=live", upstream=upstream) as running:
            yield running


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recorded")
    options = ("recording_mode=record", f"recording_dir={home / 'recordings'}")
    with (
        Upstream() as upstream,
        proxy(home, *options, upstream=upstream, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        for path, body in REQUESTS:
            assert client.send(body, path, test_id="a test").status == 200
        assert client.send(None, "/v1/files").status == 200
    return home / "recordings"


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded, tmp_path / "recordings")
    return tmp_path


def drift(
    home: Path, running: Proxy | None, *arguments: str, key: str = KEY
) -> subprocess.CompletedProcess[str]:
    through = {"HTTPS_PROXY": running.url, "SSL_CERT_FILE": str(running.ca_file)} if running else {}
    return subprocess.run(
        [OPENAI_REPLAY, "drift", *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(home, OPENAI_API_KEY=key, **through),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def test_the_same_api_has_not_drifted_and_what_cannot_be_asked_is_named(home: Path) -> None:
    with api(home) as running:
        result = drift(home, running)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    [left_out] = [line for line in result.stderr.splitlines() if "not asked: " in line]
    assert left_out.endswith("it refers to objects of the account that it was made with")
    assert "4 requests asked for about $0.0" in result.stderr


def test_changed_members_types_events_and_errors_are_shown_and_recorded_anew(home: Path) -> None:
    with api(home, edition=2) as running:
        result = drift(home, running)
        assert result.returncode == 1
        lines = result.stdout.splitlines()
        assert [line for line in lines if not line.startswith("  gone: [response.")] == [
            "POST /v1/chat/completions",
            "  gone: system_fingerprint",
            "  gone: usage.completion_tokens_details",
            "  gone: usage.prompt_tokens_details",
            "  new: choices[].message.mood",
            "  type: usage.total_tokens (text, was number)",
            "POST /v1/embeddings",
            EMBEDDINGS,
            "POST /v1/responses (stream)",
            "  new: [response.hello]",
        ]
        assert "  gone: [response.completed]" in lines
        before = recordings(home / "recordings")
        updated = drift(home, running, "--update")
        assert updated.returncode == 1
        assert "would become an error 404" in updated.stderr
        assert "2 recordings made anew" in updated.stderr
        after = recordings(home / "recordings")
        assert after.keys() == before.keys()
        changed = [name for name in after if after[name] != before[name]]
        assert len(changed) == 2
        assert {after[name]["test_id"] for name in changed} == {"a test"}
        assert KEY not in json.dumps(after)
        again = drift(home, running)
        assert again.stdout.splitlines() == ["POST /v1/embeddings", EMBEDDINGS]
        assert len(again.stdout.splitlines()) == 2


def test_a_sample_an_age_and_a_limit_of_cost_narrow_the_question(home: Path) -> None:
    for path in (home / "recordings").glob("*.json"):
        if "embedding" in path.read_text():
            os.utime(path, (0, 0))
    with api(home) as running:
        assert "1 request asked" in drift(home, running, "--sample", "1", "--seed", "1").stderr
        assert "2 requests asked" in drift(home, running, "--sample", "50%").stderr
        assert "1 request asked" in drift(home, running, "--older-than", "30d").stderr
        assert "3 requests asked" in drift(home, running, "--endpoint", "/v1/[!e]*").stderr
        free = drift(home, running, "--max-cost", "0")
        assert "0 requests asked" in free.stderr
        assert free.stderr.count("more than is left of --max-cost") == 4


def test_an_api_that_cannot_be_asked_is_no_drift(home: Path) -> None:
    refused = {"HTTPS_PROXY": "http://127.0.0.1:1"}
    result = subprocess.run(
        [OPENAI_REPLAY, "drift", "--sample", "1"],
        capture_output=True,
        text=True,
        env=bare_environment(home, OPENAI_API_KEY=KEY, **refused),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )
    assert result.returncode == 2
    assert "the API was not reached: " in result.stderr
    with api(home) as running:
        bad_key = drift(home, running, "--sample", "1", key="sk-invalid")
    assert bad_key.returncode == 2
    assert "the API refuses the key (401)" in bad_key.stderr
    assert "OPENAI_API_KEY is not set" in drift(home, None, key="").stderr


def test_the_key_goes_to_recorded_hosts_over_https_alone(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    for number, url in enumerate(
        ("https://api.example.org/v1/embeddings", "http://api.openai.com/v1/embeddings")
    ):
        request = {"method": "POST", "url": url, "headers": {}, "body": embeddings_body("one")}
        recording = {"request": request, "response": {"body": {"object": "list"}}}
        (tmp_path / "recordings" / f"{number}.json").write_text(json.dumps(recording))
    result = drift(tmp_path, None)
    assert result.returncode == 0
    assert result.stderr.count("the key is for recorded hosts, over https alone") == 2
    assert "0 requests asked" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--sample", "0"], ["--sample", "101%"], ["--older-than", "soon"], ["--max-cost", "-1"]]
)
def test_a_value_that_makes_no_sense_is_an_error(home: Path, arguments: list[str]) -> None:
    assert drift(home, None, *arguments).returncode == 2
