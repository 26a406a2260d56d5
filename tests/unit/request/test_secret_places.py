"""`secret_places`: secrets are found by the member, parameter or header that they stand in, and by nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from openai_replay.format.recording import JSON
from openai_replay.request.secret_places import Hiding
from unit.exchanges import JSON_VALUES

S = "correct-horse-7"
RANDOM = "aZ09dfGh1jKlMnOpQr"  # as only a key looks

REQUESTS: dict[str, Any] = {
    "authorization of a tool": {"tools": [{"type": "mcp", "authorization": S}]},
    "headers of a tool": {"tools": [{"type": "mcp", "headers": {"X-Api-Key": S, "Cookie": S}}]},
    "an API key": {"api_key": S, "apiKey": S, "provider": {"api-key": S}},
    "a client's secret": {"oauth": {"client_secret": S, "access_token": S}},
    "a password": {"database": {"user": "me", "password": S}, "webhook": {"secret": S}},
    "headers as pairs": {"headers": [{"name": "x", "value": S}], "extra": {"headers": [f"Cookie: {S}"]}},
    "a list of keys": {"api_key": [S, S]},
    "an object for a key": {"authorization": {"type": "bearer", "token": S}},
    "a data source of Azure": {
        "data_sources": [
            {"type": "azure_search", "parameters": {"authentication": {"type": "api_key", "key": S}}}
        ]
    },
    "types of authentication": [
        {"type": kind, member: S}
        for kind, member in (
            ("api_key", "value"),
            ("ApiKey", "key"),
            ("oauth2", "token"),
            ("access_token", "value"),
            ("encoded_api_key", "encoded_api_key"),
            ("key_and_key_id", "key"),
            ("connectionString", "connection_string"),
            ("basic", "token"),
        )
    ],
    "a URL's user": {"tools": [{"type": "mcp", "server_url": f"https://me:{S}@mcp.example.com/mcp"}]},
    "a URL's parameter": {"tools": [{"server_url": f"https://mcp.example.com/?api_key={S}&a=1"}]},
    "a field of a form": {"__multipart__": [{"name": "api_key", "value": S}]},
    "a header in a field": {"__multipart__": [{"name": "tools[0][headers][x]", "value": S}]},
    "secrets of domains": {"domain_secrets": [{"domain": "h", "name": "KEY", "value": S}]},
    "JSON in a member": {"session": json.dumps({"tools": [{"headers": {"a": S}}]})},
    "JSON in a field of a form": {
        "__multipart__": [{"name": "session", "value": json.dumps({"api_key": S})}]
    },
}


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS)
def test_a_secret_of_a_request_is_replaced_and_kept(body: JSON) -> None:
    hiding = Hiding()
    hidden = json.dumps(hiding.request(body))

    assert S not in hidden
    assert "REDACTED" in hidden
    assert S in hiding.found


@pytest.mark.parametrize(
    "name",
    [
        *(
            "token",
            "refresh_token",
            "sessionToken",
            "secret_access_key",
            "X-Api-Key",
            "OPENAI_API_KEY",
            "jwt",
        ),
        *("webhook_secret", "connection_string", "credentials", "aws-access-key", "passphrase", "auth"),
    ],
)
def test_a_value_that_looks_random_is_a_secret_under_more_names(name: str) -> None:
    hidden = Hiding()
    assert hidden.request({"env": {name: RANDOM}}) == {"env": {name: "REDACTED"}}
    assert hidden.url(f"/v1/x?a=1&{name}={RANDOM}#a") == f"/v1/x?a=1&{name}=REDACTED#a"
    assert hidden.request({"__multipart__": [{"name": f"a[{name}]", "value": RANDOM}]}) == {
        "__multipart__": [{"name": f"a[{name}]", "value": "REDACTED"}]
    }
    assert hidden.text(f'{{"{name}": "{RANDOM}", "a"') == f'{{"{name}": "REDACTED", "a"'
    assert set(hidden.found) == {RANDOM}


@pytest.mark.parametrize(
    "name", ["page_token", "next_token", "sort_key", "prompt_cache_key", "tokens", "author"]
)
def test_a_value_that_looks_random_may_stand_under_other_names(name: str) -> None:
    assert Hiding().request({name: RANDOM}) == {name: RANDOM}
    assert Hiding().url(f"/v1/x?{name}={RANDOM}") == f"/v1/x?{name}={RANDOM}"


UNTOUCHED: dict[str, Any] = {
    "a conversation": {"messages": [{"role": "user", "content": [{"password": S}], "secret": S}]},
    "input": {"input": [{"type": "function_call", "arguments": json.dumps({"password": S})}]},
    "a schema": {"tools": [{"function": {"parameters": {"properties": {"password": {"default": S}}}}}]},
    "a schema of an answer": {"text": {"format": {"schema": {"api_key": S}}}},
    "a filter": {"filters": {"type": "eq", "key": S, "value": S}},
    "a prompt": {"prompt": f"The password is {S}.", "instructions": f"api_key={S}"},
    "no text": {"password": None, "secret": 7, "api_key": True},
    "an empty one": {"password": ""},
    "a model of that name": {"model": "secret", "name": "password"},
    "logprobs": {"logprobs": [{"token": S}]},
    "words under names of secrets": {"token": "end of text", "auth": "none", "credentials": "include"},
    "a table": {"table": {"headers": ["name", S]}},
    "types that are no authentication": [
        {"type": kind, "value": S, "name": "key"}
        for kind in ("author", "password_reset", "token_match", "keyboard", "basic", "token", "key", "string")
    ],
}


@pytest.mark.parametrize("body", UNTOUCHED.values(), ids=UNTOUCHED)
def test_all_else_of_a_request_stays(body: JSON) -> None:
    assert Hiding().request(body) == body


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        (f"https://h/v1?api-key={S}", "https://h/v1?api-key=REDACTED"),
        (f"https://h/v1?a=1&Api%5FKey={S}&b=2", "https://h/v1?a=1&Api%5FKey=REDACTED&b=2"),
        (
            f"https://h/v1?code={S}&sig={S}#access_token={S}",
            "https://h/v1?code=REDACTED&sig=REDACTED#access_token=REDACTED",
        ),
        (f"https://h/v1%23access_token={S}", "https://h/v1%23access_token=REDACTED"),
        (f"https://u:{S}@h/v1", "https://REDACTED@h/v1"),
        ("https://h/v1?limit=2&after=x&monkey=y", "https://h/v1?limit=2&after=x&monkey=y"),
        ("https://h/@a@b", "https://h/@a@b"),
    ],
)
def test_urls_lose_user_information_and_secret_parameters(url: str, hidden: str) -> None:
    assert Hiding().url(url) == hidden


ANSWERS: dict[str, tuple[Any, Any]] = {
    "a session": (
        {"client_secret": {"value": S, "expires_at": 1}},
        {"client_secret": {"value": "REDACTED", "expires_at": 1}},
    ),
    "a session of ChatKit": ({"client_secret": S}, {"client_secret": "REDACTED"}),
    "an ephemeral key": (
        {"value": S, "expires_at": 1, "session": {"type": "realtime"}},
        {"value": "REDACTED", "expires_at": 1, "session": {"type": "realtime"}},
    ),
    "a key of an administrator": (
        {"object": "organization.admin_api_key", "value": S},
        {"object": "organization.admin_api_key", "value": "REDACTED"},
    ),
    "a key of a service": (
        {"api_key": {"object": "organization.project.service_account.api_key", "value": S}},
        {"api_key": {"object": "organization.project.service_account.api_key", "value": "REDACTED"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "hidden"), ANSWERS.values(), ids=ANSWERS)
def test_keys_that_the_api_makes_are_replaced(answer: JSON, hidden: JSON) -> None:
    assert Hiding().answer(answer) == hidden
    for layout in (json.dumps(answer), json.dumps(answer, indent=2), f"data: {json.dumps(answer)}\n\n"):
        text = Hiding().text_of_answer(layout)
        assert S not in text
        assert text.replace("REDACTED", S) == layout


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"content": f'{{"client_secret": "{S}"}}'}, "logprobs": [{"token": S}]}]},
        {"password": S, "api_key": S, "secret": S, "value": S, "key": S},
        {"tools": [{"parameters": {"properties": {"client_secret": {"value": S}}}}]},
        {"arguments": {"client_secret": S}},
    ],
)
def test_all_else_of_an_answer_stays(answer: JSON) -> None:
    assert Hiding().answer(answer) == answer


def without_places(value: JSON) -> JSON:
    """Return a value whose names are none that hold a secret, and whose texts are no URL and no form."""
    if isinstance(value, dict):
        return {f"x{name}": without_places(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_places(item) for item in value]
    return value.replace("=", "").replace("@", "") if isinstance(value, str) else value


@given(JSON_VALUES.map(without_places))
def test_a_value_without_such_places_is_equal_to_what_it_was(value: JSON) -> None:
    assert json.dumps(Hiding().answer(value)) == json.dumps(value)
    assert json.dumps(Hiding().request(value)) == json.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"model": "a", "model": "b", "api_key": "{S}"}}',
        f'{{"api_key" : "{S}"}}\n{{"n": 1}}',
        f"grant_type=x&client_secret={S}",
        '{"password": "correct\\u002dhorse\\u002d7"}',
    ],
)
def test_text_keeps_its_layout(text: str) -> None:
    hiding = Hiding()
    hidden = hiding.text(text)

    assert S in hiding.found
    assert hidden in (text.replace(S, "REDACTED"), '{"password": "REDACTED"}')


@pytest.mark.parametrize("levels", [199, 201, 5_000, 50_000])
@pytest.mark.parametrize("wrapping", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_any_nesting_can_be_searched(wrapping: tuple[str, str], levels: int) -> None:
    start, end = wrapping
    text = start * levels + "1" + end * levels

    assert Hiding().request({"a": text}) == {"a": text}
    assert (Hiding().text(text), Hiding().text_of_answer(f"data: {text}\n")) == (text, f"data: {text}\n")


def test_texts_in_texts_may_all_be_nested_and_hold_a_secret() -> None:
    value: Any = {"api_key": S}
    for levels in (49, 49, 49, 199):
        value = json.loads('{"a":' * levels + json.dumps(json.dumps(value)) + "}" * levels)

    hiding = Hiding()
    hiding.request(value)
    assert hiding.found == [S]
