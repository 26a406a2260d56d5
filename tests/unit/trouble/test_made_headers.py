"""`made_headers`: ids that differ, and limits that are used up and come back evenly, all in a minute."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from openai_replay.trouble.made_headers import Allowance, MadeHeaders, parse_made_headers


def test_values_are_read() -> None:
    assert parse_made_headers(()).are_none()
    assert parse_made_headers(("x-request-id", "x-ratelimit=500/30000")) == MadeHeaders(True, 500, 30000)


@pytest.mark.parametrize(
    "text", ["x-other", "x-ratelimit", "x-ratelimit=0/1", "x-ratelimit=1", "x-request-id=1"]
)
def test_other_values_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected x-request-id or x-ratelimit=REQUESTS/TOKENS"):
        parse_made_headers((text,))


def test_each_answer_has_another_id() -> None:
    allowance = Allowance()
    ids = [allowance.headers(MadeHeaders(has_request_id=True), 100, 0.0) for _ in range(2)]
    assert all(len(headers) == 1 and headers[0][1].startswith("req_") for headers in ids)
    assert ids[0] != ids[1]


def seen(made: MadeHeaders, answer_bytes: int, times_s: Iterable[float]) -> list[tuple[str, ...]]:
    """Return the values of remaining and reset, each of requests and tokens, of answers at some times."""
    allowance = Allowance()
    answers = [dict(allowance.headers(made, answer_bytes, now_s)) for now_s in times_s]
    names = [
        f"x-ratelimit-{kind}-{unit}" for kind in ("remaining", "reset") for unit in ("requests", "tokens")
    ]
    return [tuple(answer[name] for name in names) for answer in answers]


def test_one_request_of_500_a_minute_is_back_after_120_ms() -> None:
    made = MadeHeaders(requests=500, tokens=30_000)
    assert seen(made, 400, [10.0, 10.06, 10.06, 20.0]) == [
        ("499", "29900", "120ms", "200ms"),
        ("498", "29830", "180ms", "340ms"),
        ("497", "29730", "300ms", "540ms"),
        ("499", "29900", "120ms", "200ms"),
    ]


def test_limits_are_used_up_and_come_back_evenly() -> None:
    made = MadeHeaders(requests=2, tokens=100)
    assert seen(made, 200, [100.0, 100.0, 100.0, 130.0, 190.0]) == [
        ("1", "50", "30s", "30s"),
        ("0", "0", "1m0s", "1m0s"),
        ("0", "0", "1m0s", "1m0s"),
        ("0", "0", "1m0s", "1m0s"),
        ("1", "50", "30s", "30s"),
    ]


def test_the_limits_are_said() -> None:
    headers = dict(Allowance().headers(MadeHeaders(requests=2, tokens=100), 0, 0.0))
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-limit-tokens"]) == ("2", "100")
    assert headers["x-ratelimit-reset-tokens"] == "0s"
