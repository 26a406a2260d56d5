"""An upgrade to a WebSocket as a request's body."""

from __future__ import annotations

import pytest

from openai_replay.request.identity import identify
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.request.upgrade import chosen_subprotocol, is_upgrade, problem_of, upgrade_body

BROWSER = ["realtime, openai-insecure-api-key.ek_123, openai-beta.realtime-v1"]
URL = "https://api.openai.com/v1/realtime?model=gpt-realtime"
RULES = Rules((), redactor(()))


def test_subprotocols_are_kept_without_keys() -> None:
    assert upgrade_body(BROWSER) == {
        "__websocket__": {"subprotocols": ["realtime", "openai-beta.realtime-v1"]}
    }


def test_subprotocols_do_not_count_and_a_plain_get_is_another_request() -> None:
    by_header = identify("GET", URL, upgrade_body([]), RULES)

    assert identify("GET", URL, upgrade_body(BROWSER), RULES) == by_header
    assert identify("GET", URL, {}, RULES) != by_header


def test_a_body_that_has_more_members_is_no_upgrade() -> None:
    assert is_upgrade(upgrade_body([]))
    assert not is_upgrade({"__websocket__": {}, "model": "m"})


def test_a_server_accepts_the_first_subprotocol_that_is_no_key() -> None:
    assert chosen_subprotocol(["openai-insecure-api-key.ek_123", "realtime", "other"]) == "realtime"
    assert chosen_subprotocol(["openai-insecure-api-key.ek_123"]) is None
    assert chosen_subprotocol([]) is None


VALID = {"connection": "keep-alive, Upgrade", "sec-websocket-key": "a2V5", "sec-websocket-version": "13"}


@pytest.mark.parametrize(
    ("version", "other", "named"),
    [
        ("1.0", {}, "HTTP/1.1"),
        ("2", {}, "HTTP/1.1"),
        ("1.1", {"connection": "close"}, "Connection: Upgrade"),
        ("1.1", {"sec-websocket-key": ""}, "Sec-WebSocket-Key"),
        ("1.1", {"sec-websocket-version": "8"}, "Sec-WebSocket-Version: 13"),
    ],
)
def test_an_upgrade_that_is_none_is_refused_by_its_header(
    version: str, other: dict[str, str], named: str
) -> None:
    assert problem_of("1.1", VALID.items()) == ""
    assert named in problem_of(version, {**VALID, **other}.items())


def test_the_options_of_a_connection_may_stand_in_several_headers() -> None:
    fields = [
        ("connection", "Upgrade"),
        *((name, value) for name, value in VALID.items() if name != "connection"),
    ]
    assert problem_of("1.1", [*fields, ("connection", "keep-alive")]) == ""
