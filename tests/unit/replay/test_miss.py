"""`miss`: the client's error, and the lines of the log: the nearest recording and each place that differs."""

from __future__ import annotations

import json
import shlex
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openai_replay.format.recording import JSON, Recording, Request, Response
from openai_replay.front_end import FrontEnd
from openai_replay.replay.differences import Difference
from openai_replay.replay.miss import Miss, differences, error_body, find_miss
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.ignoring import ignore_rule, ignore_rules
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store, Stored
from support.requests import API
from unit.exchanges import NO_RULES, OBJECTS, chat, completion, get, write_recording


def found(store: Store, request: ApiRequest) -> Miss:
    """Look as after a request for which nothing was found."""
    store.index.rows(request.identity.key)
    return find_miss(store, request)


def compared(recorded: ApiRequest, request: ApiRequest, test_id: str | None = None) -> list[str]:
    recording = Recording(
        test_id,
        Request(recorded.method, recorded.url, recorded.body, recorded.endpoint(), ""),
        Response(None),
    )
    stored = Stored(Path("x.json"), (0, 0, 0), recording, recorded.identity)
    return [str(difference) for difference in differences(stored, request)]


# --- the client's error -------------------------------------------------------------------------------------------


def test_the_client_is_told_of_the_nearest_recording_and_nothing_of_the_request(
    store: Store, folder: Path
) -> None:
    recorded = chat("What is the weather on March 3?")
    write_recording(folder, f"{recorded.name()}.json", recorded, completion())
    request = chat("What is the weather on March 4?")

    assert found(store, request).summary() == (
        f"No recording for POST /v1/chat/completions (request {request.name()[:12]}). "
        f"The nearest is {recorded.name()[:12]}….json; the proxy's log shows the difference."
    )


def test_a_name_by_hand_is_told_whole(store: Store, folder: Path) -> None:
    write_recording(folder, "sub/weather.json", chat("x"), completion())
    assert "The nearest is sub/weather.json;" in found(store, chat("y")).summary()


def test_an_endpoint_without_recordings_has_no_nearest(store: Store, folder: Path) -> None:
    write_recording(folder, "a.json", chat("x"), completion())
    miss = found(store, get("/v1/files"))

    assert miss.nearest is None
    assert miss.summary() == (
        f"No recording for GET /v1/files (request {miss.api_request.name()[:12]}). There is none of this endpoint."
    )
    assert miss.explanation() == miss.summary()


@pytest.mark.parametrize(
    ("test_id", "path", "hint"),
    [
        ("tests", "/a/v1/files", " If the test id is tests/a, write its slashes as %2F: /@tests%2Fa/v1"),
        (
            "täst",
            "/a::b/v1/files",
            " If the test id is täst/a::b, write its slashes as %2F: /@t%C3%A4st%2Fa%3A%3Ab/v1",
        ),
        ("tests", "/v1/files", ""),
        (None, "/a/v1/files", ""),
    ],
)
def test_a_test_id_with_a_slash_that_is_not_escaped_is_pointed_out(
    store: Store, test_id: str | None, path: str, hint: str
) -> None:
    request = describe("GET", f"https://api.openai.com{path}", None, test_id, NO_RULES)
    assert found(store, request).summary().endswith(f"There is none of this endpoint.{hint}")


def test_the_engine_s_user_is_told_to_record_with_serve_by_the_same_base_url(store: Store) -> None:
    request = chat("x", url="http://localhost:8000/v1/chat/completions")
    assert found(store, request).advice(FrontEnd.ENGINE) == (
        "  Next: record it, with a key: openai-replay serve --mode reverse:http://localhost:8000 "
        "--set recording_mode=record-if-missing …"
    )


def test_a_base_url_without_its_version_is_pointed_out(store: Store, folder: Path) -> None:
    write_recording(folder, "a.json", chat("x"), completion())
    miss = found(store, chat("x", url="https://api.openai.com/chat/completions"))

    assert miss.summary().endswith(
        "There is none of this endpoint. Its path has no /v1: is it missing at the end of the base URL?"
    )


@pytest.mark.parametrize(
    ("user_agent", "has_message"),
    [("OpenAI::Client/Ruby 0.30.0", True), ("OpenAI/Python 2.8.1", False), ("", False)],
)
def test_the_ruby_sdk_gets_its_message_at_the_top(user_agent: str, has_message: bool) -> None:
    error: dict[str, JSON] = {
        "message": "No.",
        "type": "recording_error",
        "param": None,
        "code": "recording_not_found",
    }
    assert json.loads(error_body("No.", "recording_not_found", user_agent)) == {
        "error": error,
        **({"message": "No."} if has_message else {}),
    }


def test_a_message_that_is_no_unicode_is_told_all_the_same() -> None:
    assert json.loads(error_body("/v1/\udcff", "x", ""))["error"]["message"] == "/v1/\udcff"


# --- the log ------------------------------------------------------------------------------------------------------


def test_the_log_names_each_place_with_both_values(store: Store, folder: Path) -> None:
    recorded = chat("What is the weather on March 3?", temperature=0.5, seed=1)
    write_recording(folder, "weather.json", recorded, completion())
    request = chat("What is the weather on March 4?", test_id="t::a", temperature=0.7, user="u")

    assert found(store, request).explanation().splitlines() == [
        f"No recording for POST /v1/chat/completions (request {request.name()[:12]}) by test t::a. "
        "The nearest is weather.json:",
        '    messages[0].content: recorded "What is the weather on March 3?", asked "What is the weather on March 4?"',
        "    temperature: recorded 0.5, asked 0.7",
        '    user: recorded nothing, asked "u"',
        "    seed: recorded 1, asked nothing",
    ]


UUIDS = ("0f0e0d0c-1111-4222-8333-444455556666", "aaaaaaaa-1111-4222-8333-444455556666")
RULES: dict[str, tuple[ApiRequest, ApiRequest, list[str]]] = {
    "a uuid in a text": (chat(f"Job {UUIDS[0]}"), chat(f"Job {UUIDS[1]}"), ["recording_ignore=@uuid"]),
    "a uuid": (chat("x", user=UUIDS[0]), chat("x", user=UUIDS[1]), ["recording_ignore=user"]),
    "a date": (
        chat("It is 2026-11-25T10:00:00Z."),
        chat("It is 2026-11-26T11:30:00Z."),
        ["recording_ignore=@date"],
    ),
    "a number in a text": (chat("Run 12"), chat("Run 345"), [r"'recording_ignore=messages[0].content=\d+'"]),
    "a number": (chat("x", seed=1), chat("x", seed=2), ["recording_ignore=seed"]),
    "a name with a dot": (
        chat("x", metadata={"run.id": "1"}),
        chat("x", metadata={"run.id": "2"}),
        ["'recording_ignore=metadata[\"run.id\"]'"],
    ),
    "two places": (
        chat("On 2026-11-25", seed=1),
        chat("On 2026-11-26", seed=2),
        ["recording_ignore=@date", "recording_ignore=seed"],
    ),
    "another word": (chat("one"), chat("two"), []),
    "another word beside a number": (chat("one", seed=1), chat("two", seed=2), []),
    "a truth value": (chat("x", store=True), chat("x", store=False), []),
    "a uuid and a date": (
        chat(f"{UUIDS[0]} on 2026-11-25"),
        chat(f"{UUIDS[1]} on 2026-11-26"),
        ["recording_ignore=@uuid", "recording_ignore=@date"],
    ),
    "a date that is all of a prompt": (
        chat("Wednesday, November 25, 2026"),
        chat("Thursday, November 26, 2026"),
        ["recording_ignore=@date"],
    ),
    "a random id": (
        chat("x", user="run_8fk2jd9x"),
        chat("x", user="run_p3ks91mm"),
        ["recording_ignore=user"],
    ),
    "a random id in a text": (
        chat("in /tmp/tmp8fk2jd9x/a.py"),
        chat("in /tmp/tmpp3ks91mm/a.py"),
        [r"'recording_ignore=messages[0].content=\b(?=\w*\d)\w{6,}\b'"],
    ),
    "a duration": (
        chat("took 1,024.5 s"),
        chat("took 3e-05 s"),
        [r"'recording_ignore=messages[0].content=-?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?'"],
    ),
    "a number that moved": (chat("a 1b"), chat("a b1"), []),
    "a model": (chat("x", model="gpt-4"), chat("x", model="gpt-5"), []),
    "a name with a line break": (
        chat("x", metadata={"a\nb": "1"}),
        chat("x", metadata={"a\nb": "2"}),
        ["'recording_ignore=metadata[\"a\\nb\"]'"],
    ),
    "a name that is a preset": (
        describe("POST", f"{API}/v1/x", {"@uuid": 1}, None, NO_RULES),
        describe("POST", f"{API}/v1/x", {"@uuid": 2}, None, NO_RULES),
        [],
    ),
}


@pytest.mark.parametrize(("recorded", "request_", "rules"), RULES.values(), ids=RULES)
def test_the_log_has_the_rules_that_leave_values_of_each_run_out(
    store: Store, folder: Path, recorded: ApiRequest, request_: ApiRequest, rules: list[str]
) -> None:
    write_recording(folder, "a.json", recorded, completion())
    first, *lines = found(store, request_).advice(FrontEnd.RUN).splitlines()
    assert first == "  Next: record it, with a key: openai-replay run --mode record-if-missing …"
    assert lines[1:2] == (["    " + " ".join(f"--set {rule}" for rule in rules)] if rules else [])
    assert [line.startswith("    or ignore = ") for line in lines[2:]] == ([True] if rules else [])

    matching = Rules(
        ignore_rules(rule.partition("=")[2] for rule in map("".join, map(shlex.split, rules))), redactor(())
    )
    assert (chat_again(recorded, matching).identity == chat_again(request_, matching).identity) is bool(rules)


@pytest.mark.parametrize(
    ("ignored", "recorded", "sent", "offered"),
    [
        ("metadata.run_id", {}, {"metadata": {"run_id": 1}}, ("metadata",)),
        ('metadata["run.id"]', {"metadata": {"run.id": 1}}, {}, ("metadata",)),
        ("tools[*].meta.id", {"tools": [{}]}, {"tools": [{"meta": {"id": 1}}]}, ("tools[0].meta",)),
        ("metadata.run_id", {}, {"metadata": {"run_id": 1, "user": "Ann"}}, ()),
        ("metadata.run_id", {}, {"response_format": {}}, ()),
        ("@reference", {}, {"metadata": {}}, ()),
    ],
)
def test_an_object_that_a_rule_has_emptied_is_offered_whole(
    folder: Path, ignored: str, recorded: dict[str, JSON], sent: dict[str, JSON], offered: tuple[str, ...]
) -> None:
    rules = Rules(ignore_rules([ignored]), redactor(()))
    one, other = (describe("POST", f"{API}/v1/x", {"a": 1, **body}, None, rules) for body in (recorded, sent))
    write_recording(folder, "a.json", one, completion())
    with closing(Index(folder, rules, None)) as index:
        assert found(Store(folder, rules, index, None), other).ignore_rules == offered


def chat_again(request: ApiRequest, rules: Rules) -> ApiRequest:
    return describe(request.method, request.url, request.body, request.test_id, rules)


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text with values that each run makes up, once with the values of each of two runs."""
    made = {
        "uuid": st.uuids().map(str),
        "date": st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(
            "{:%a, %d %b %Y %H:%M:%S}".format
        ),
        "number": st.integers(0, 10**9).map(str),
    }
    texts = ["", ""]
    for kind in draw(st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=4)):
        word = draw(st.sampled_from(["", "Run", "on", "with (", ") and\n", "größe:"]))
        texts = [f"{text}{word} {draw(made[kind])} " for text in texts]
    return texts[0], texts[1]


@settings(deadline=None, max_examples=50)
@given(st.lists(runs(), min_size=1, max_size=3))
def test_the_recording_answers_once_the_rules_of_the_log_are_pasted(texts: list[tuple[str, str]]) -> None:
    recorded, request = (chat([{"type": "text", "text": pair[run]} for pair in texts]) for run in (0, 1))
    assume(recorded.identity != request.identity)
    with tempfile.TemporaryDirectory() as name:
        write_recording(Path(name), "a.json", recorded, completion())
        index = Index(Path(name), NO_RULES, None)
        offered = found(Store(Path(name), NO_RULES, index, None), request).ignore_rules
        index.close()

    rules = Rules(ignore_rules(offered), redactor(()))
    assert chat_again(recorded, rules).identity == chat_again(request, rules).identity


def test_the_log_is_cut_after_a_dozen_places(store: Store, folder: Path) -> None:
    write_recording(folder, "a.json", chat("x", metadata={f"m{n:02}": n for n in range(20)}), completion())
    lines = found(store, chat("x", metadata={})).explanation().splitlines()

    assert len(lines) == 14
    assert lines[-1] == "    … and 8 more places"


def test_the_nearest_is_the_one_with_the_fewest_differences(store: Store, folder: Path) -> None:
    for number in range(30):
        write_recording(
            folder, f"{number:02}.json", chat(f"Tell me of number {number}", seed=number), completion()
        )
    request = chat("Tell me of number 17", seed=99)

    miss = found(store, request)

    assert miss.nearest == "17.json"
    assert [str(difference) for difference in miss.differences] == ["seed: recorded 17, asked 99"]


def test_the_nearest_is_of_the_same_test_then_of_the_fewest_places_then_of_the_fewest_letters(
    store: Store, folder: Path
) -> None:
    for name, text, test_id in (
        ("a.json", "Tell me of cats", "t"),
        ("b.json", "Tell me of hats", "t"),
        ("c.json", "Tell me of bats", "u"),
        ("d.json", "Tell me of hats", "t"),
    ):
        write_recording(folder, name, chat(text), completion(), test_id=test_id)
    write_recording(folder, "0.json", chat("Tell me of bats", seed=1, n=1), completion(), test_id="t")

    assert found(store, chat("Tell me of bats?", test_id="t")).nearest == "a.json"
    assert found(store, chat("Tell me of hats?", test_id="t")).nearest == "b.json"
    assert found(store, chat("Tell me of bats?", test_id="u")).nearest == "c.json"
    assert found(store, chat("Tell me of bats?", test_id="v")).nearest == "c.json"


def test_a_stream_without_the_usage_that_a_request_wants_is_near_and_says_so(
    store: Store, folder: Path
) -> None:
    write_recording(folder, "a.json", chat("x", stream=True), completion())
    miss = found(store, chat("x", stream=True, stream_options={"include_usage": True}))

    assert [str(difference) for difference in miss.differences] == [
        'stream_options: recorded nothing, asked {"include_usage":true}'
    ]


def test_only_recordings_of_the_endpoint_are_near(store: Store, folder: Path) -> None:
    write_recording(folder, "other.json", chat("x", url=f"{API}/v1/responses"), completion())
    write_recording(folder, "a.json", chat("something else altogether", model="y", seed=3), completion())
    assert found(store, chat("x")).nearest == "a.json"


def test_a_broken_recording_is_not_near(store: Store, folder: Path) -> None:
    write_recording(folder, "a.json", chat("x"), completion())
    path = write_recording(folder, "b.json", chat("xy"), completion())
    request = chat("xyz")
    store.index.rows(request.identity.key)
    path.write_text("{")
    assert find_miss(store, request).nearest == "a.json"


# --- differences --------------------------------------------------------------------------------------------------


def test_requests_that_are_the_same_do_not_differ() -> None:
    assert compared(chat("x", temperature=1.0, user=None), chat("x", temperature=1, stream=False)) == []


DIFFERENCES: dict[str, tuple[ApiRequest, ApiRequest, list[str]]] = {
    "a method": (
        get("/v1/x"),
        describe("DELETE", f"{API}/v1/x", {}, None, NO_RULES),
        ['method: recorded "GET", asked "DELETE"'],
    ),
    "a host": (
        get("/v1/x"),
        describe("GET", "http://localhost:8080/v1/x", {}, None, NO_RULES),
        ['host: recorded "api.openai.com", asked "localhost:8080"'],
    ),
    "a query": (get("/v1/x?b=1&a=2"), get("/v1/x?a=3"), ['query: recorded "a=2&b=1", asked "a=3"']),
    "a kind": (chat("1"), chat(1), ['messages[0].content: recorded "1", asked 1']),
    "true is not 1": (chat(True), chat(1), ["messages[0].content: recorded true, asked 1"]),
    "an item more": (
        chat([1, 2]),
        chat([1]),
        ["messages[0].content[1]: recorded 2, asked nothing"],
    ),
    "an item less": (chat([]), chat([{}]), ["messages[0].content[0]: recorded nothing, asked {}"]),
    "a whole body": (
        describe("POST", f"{API}/v1/x", "a", None, NO_RULES),
        describe("POST", f"{API}/v1/x", [], None, NO_RULES),
        ['body: recorded "a", asked []'],
    ),
    "a word in a long text": (
        chat("word " * 50 + "one" + " word" * 50),
        chat("word " * 50 + "two" + " word" * 50),
        [
            'messages[0].content: recorded "…word word word word one word word word word word word word w…", '
            'asked "…word word word word two word word word word word word word w…"'
        ],
    ),
    "a long text and a short one": (
        chat("x" * 100),
        chat("y"),
        [f'messages[0].content: recorded "{"x" * 60}…", asked "y"'],
    ),
    "a long value": (
        chat(list(range(30))),
        chat({}),
        [
            "messages[0].content: recorded [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1…, asked {}"
        ],
    ),
    "lines and quotes": (
        chat('a\n"b"'),
        chat("ü"),
        ['messages[0].content: recorded "a\\n\\"b\\"", asked "ü"'],
    ),
}


@pytest.mark.parametrize(("recorded", "request_", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_says_where_and_both_values(
    recorded: ApiRequest, request_: ApiRequest, lines: list[str]
) -> None:
    assert compared(recorded, request_) == lines


def test_what_is_ignored_does_not_differ() -> None:
    rules = Rules((ignore_rule("user"),), redactor(()))
    assert compared(chat("x", user="a"), chat("x", user="b", rules=rules)) == []


def test_the_test_differs_only_where_nothing_else_does() -> None:
    assert compared(chat("x"), chat("x", test_id="t"), "u") == ['test id: recorded "u", asked "t"']
    assert compared(chat("x"), chat("x", test_id="t")) == ['test id: recorded nothing, asked "t"']
    assert len(compared(chat("x"), chat("y", test_id="t"), "u")) == 1


@given(OBJECTS, OBJECTS)
def test_requests_differ_exactly_when_their_identities_do(
    one: dict[str, JSON], other: dict[str, JSON]
) -> None:
    recorded = describe("POST", f"{API}/v1/x", one, None, NO_RULES)
    request = describe("POST", f"{API}/v1/x", other, None, NO_RULES)
    assert bool(compared(recorded, request)) is (recorded.identity.key != request.identity.key)


def test_a_difference_as_json_has_its_values_apart() -> None:
    assert Difference("a.b", None, '"x"').to_json() == {"path": "a.b", "recorded": None, "asked": '"x"'}
