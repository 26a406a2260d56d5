"""One set of recordings, made by openai-python, answers every client in every language.

A client that writes a request in another form, so that it is another request, has recorded that one itself.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import CASES, CLIENTS, Client, client_named
from openai_replay.mock import Upstream
from support.base_url import REVERSE
from support.client_runs import built
from support.proxy import CEILING_S, Proxy, bare_environment, proxy, recordings

KEY = "sk-test-0123456789abcdef0123456789abcdef"
RECORDED_CASES = tuple(case for case in CASES if case != "miss")

# Requests that these clients write otherwise: the Responses API's input as a list of messages, and a stream of errors.
OWN_FORMS = {
    "vercel-ai": ("responses", "responses-stream"),
    "langchain-python": ("responses", "responses-stream"),
    "langchain-js": ("responses", "responses-stream"),
    "openai-python-stream-helper": ("error",),
}

IN_CI = os.environ.get("CI") == "true"
OPENAI_REPLAY = (sys.executable, "-m", "openai_replay")

# They hand out the vectors, and nothing else of the answer.
HIDE_USAGE_OF_EMBEDDINGS = ("langchain-python", "langchain-js")

type Line = dict[str, Any]


@dataclass
class Matrix:
    """The recordings, a proxy that replays them, and the answers from the time of recording, by client and case."""

    directory: Path
    base_url: Proxy
    recorded: Mapping[tuple[str, str], Line]


def ask(command: Sequence[str], case: str, environment: Mapping[str, str]) -> Line:
    """Run a client and return the answers that it received."""
    ended = subprocess.run(
        [*command, case], env=environment, capture_output=True, timeout=2 * CEILING_S, check=False
    )
    assert ended.returncode == 0, f"{command[0]} {case}: {ended.stderr.decode(errors='replace')[-2000:]}"
    line: Line = json.loads(ended.stdout.splitlines()[-1])
    assert line.pop("case") == case
    del line["client"]
    return line


def of_base_url(running: Proxy) -> dict[str, str]:
    return bare_environment(running.home, OPENAI_BASE_URL=f"{running.url}/v1", OPENAI_API_KEY=KEY)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    top = tmp_path_factory.mktemp("matrix")
    options = (f"recording_dir={top / 'recordings'}",)
    with ExitStack() as stack:
        with Upstream() as upstream:
            upstream.add({"match": {"body": {"model": "no-such-model"}}, "answer": NO_SUCH_MODEL})
            with proxy(top, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as recorder:
                recorded = record(of_base_url(recorder))
        base_url = stack.enter_context(proxy(top, *options, mode=REVERSE))
        assert len(recordings(top / "recordings")) == len(recorded)
        yield Matrix(top / "recordings", base_url, recorded)


NO_SUCH_MODEL = {
    "status": 404,
    "json": {
        "error": {
            "message": "The model `no-such-model` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
    },
}


def record(environment: Mapping[str, str]) -> dict[tuple[str, str], Line]:
    wanted = [("openai-python", case) for case in RECORDED_CASES]
    for name, cases in OWN_FORMS.items():
        if client_named(name).available() is None:
            wanted += [(name, case) for case in cases]
    commands = {name: built(client_named(name), in_ci=IN_CI) for name, _ in wanted}
    with ThreadPoolExecutor(2) as pool:
        lines = pool.map(lambda one: ask(commands[one[0]], one[1], environment), wanted)
        return dict(zip(wanted, lines, strict=True))


def expected(matrix: Matrix, client: Client, case: str) -> Line:
    recorder = client.name if case in OWN_FORMS.get(client.name, ()) else "openai-python"
    return matrix.recorded[recorder, case]


def check(matrix: Matrix, client: Client, received: Mapping[str, Line]) -> None:
    """Compare the answers that a client received, case by case, with the recorded ones."""
    for case, line in received.items():
        if case == "miss":
            check_miss(line)
        elif case == "error":
            check_error(expected(matrix, client, case), line)
        else:
            recorded = expected(matrix, client, case)
            if case == "embeddings" and client.name in HIDE_USAGE_OF_EMBEDDINGS:
                recorded = {**recorded, "usage": None}
            assert comparable(line) == comparable(recorded), case


def comparable(line: Line) -> Line:
    """Return the API's answer.

    In how many pieces a stream is handed out is a client's own business, as is the precision of its numbers (Rust: 32
    bits) and the white space in a tool's arguments.
    """
    calls = [{**call, "arguments": json.loads(call["arguments"])} for call in line["tool_calls"]]
    embeddings = [{**vector, "first": round(vector["first"], 7)} for vector in line["embeddings"]]
    return {**line, "tool_calls": calls, "embeddings": embeddings, "chunks": line["chunks"] > 0}


def check_error(recorded: Line, replayed: Line) -> None:
    """Compare errors; the class is each language's own, and so are words around the message."""
    assert replayed["error"]["status"] == recorded["error"]["status"] == 404
    assert recorded["error"]["message"] in replayed["error"]["message"]
    assert replayed["error"]["code"] in (recorded["error"]["code"], None)


def check_miss(line: Line) -> None:
    error = line["error"]
    assert error["status"] == 400
    assert "No recording for POST /v1/chat/completions (request " in error["message"]
    assert error["code"] in ("recording_not_found", None)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_is_answered_through_its_base_url(matrix: Matrix, client: Client) -> None:
    command, environment = built(client, in_ci=IN_CI), of_base_url(matrix.base_url)
    with ThreadPoolExecutor(2) as pool:
        lines = pool.map(lambda case: ask(command, case, environment), client.cases)
        received = dict(zip(client.cases, lines, strict=True))
    check(matrix, client, received)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_is_answered_behind_openai_replay_run_with_nothing_set_by_hand(
    matrix: Matrix, client: Client
) -> None:
    command = built(client, in_ci=IN_CI)
    way = ["--base-url"] if client.ignores_proxy else []
    programs = "; ".join(shlex.join([*command, case]) for case in client.cases)
    ended = subprocess.run(
        [*OPENAI_REPLAY, "run", "--dir", str(matrix.directory), *way, "--", "sh", "-c", programs],
        env=bare_environment(matrix.base_url.home),
        capture_output=True,
        timeout=4 * CEILING_S,
        check=False,
    )
    errors = ended.stderr.decode(errors="replace")
    assert ended.returncode == 0, errors
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith(b"{")]
    received = {line.pop("case"): line for line in lines}
    assert tuple(received) == tuple(client.cases), errors
    for line in received.values():
        del line["client"]
    check(matrix, client, received)
    replayed = len(client.cases) - ("miss" in client.cases)
    missed = re.search(r"No recording for POST /v1/chat/completions .*The nearest is", errors)
    assert (missed is not None) == ("miss" in client.cases), errors
    assert (
        f"openai-replay: {replayed} replayed, 0 recorded, {len(client.cases) - replayed} missed, " in errors
    )
