"""Instructions of `openai-replay run` for its proxy."""

import base64
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from openai_replay.options import default_values, settings
from openai_replay.proxy.companion import DIRECT_HOSTS, KEYS_FD
from openai_replay.proxy.launcher import Launcher, launcher_of

DUMMY, REAL = "sk-replay-no-real-openai-api-key", "sk-real-0123456789"
LAUNCHER = Launcher({DUMMY: REAL}, frozenset({"api.openai.com"}), is_run=True)


def sent(name: str, value: str, launcher: Launcher = LAUNCHER) -> str:
    """Return a header as it goes to the API."""
    headers = http.Headers([(name.encode(), value.encode())])
    request = http.Request.make("POST", "https://api.openai.com/v1/responses", b"", headers)
    launcher.prepare(request)
    return str(request.headers[name])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Authorization", f"Bearer {DUMMY}", f"Bearer {REAL}"),
        ("api-key", DUMMY, REAL),
        ("x-api-key", DUMMY, REAL),
        ("x-goog-api-key", DUMMY, REAL),
        (
            "Sec-WebSocket-Protocol",
            f"realtime, openai-insecure-api-key.{DUMMY}",
            f"realtime, openai-insecure-api-key.{REAL}",
        ),
        ("Authorization", "Bearer sk-another", "Bearer sk-another"),
        ("Authorization", "Basic not-base64!", "Basic not-base64!"),
        ("X-Note", DUMMY, DUMMY),
    ],
)
def test_exactly_the_dummy_in_a_credential_header_is_replaced(name: str, value: str, expected: str) -> None:
    assert sent(name, value) == expected


def test_basic_credentials_are_replaced_inside_their_coding() -> None:
    value = f"Basic {base64.b64encode(f':{DUMMY}'.encode()).decode()}"
    assert base64.b64decode(sent("Authorization", value).split()[1]).decode() == f":{REAL}"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_other_credential_passes_as_it_is(value: str) -> None:
    assert sent("Authorization", value) == value.replace(DUMMY, REAL)
    assert sent("Authorization", value, Launcher()) == value


def test_hosts_that_go_past_the_users_proxy_are_matched_as_they_are_recorded() -> None:
    checked = settings(
        {**default_values({}), "recording_hosts": ("api.openai.com", "b.example"), "recording_dir": "."}
    )

    def is_direct(host: str) -> bool:
        return LAUNCHER.connects_directly(http.Request.make("GET", f"https://{host}/"), checked)

    assert is_direct("api.openai.com")
    assert not is_direct("b.example")


def test_the_instructions_come_by_a_pipe_and_leave_no_variable_behind() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as pipe:
        json.dump({}, pipe)
    environment = {KEYS_FD: str(reading), DIRECT_HOSTS: "a.example b.example", "HOME": "/"}
    assert launcher_of(environment) == Launcher({}, frozenset({"a.example", "b.example"}), is_run=True)
    assert environment == {"HOME": "/"}
    assert launcher_of({}) == Launcher()


def test_keys_are_in_no_representation_and_no_core_dump() -> None:
    assert REAL not in repr(LAUNCHER)
    code = (
        "import os, resource\n"
        "from openai_replay.proxy.launcher import KEYS_FD, launcher_of\n"
        "reading, writing = os.pipe()\n"
        'os.write(writing, b\'{"dummy": "real"}\'); os.close(writing)\n'
        "launcher_of({KEYS_FD: str(reading)})\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout == "(0, 0)\n"
