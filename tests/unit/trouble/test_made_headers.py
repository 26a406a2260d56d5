"""`made_headers`: ids that differ, and limits that are used up and come back after a minute."""

from __future__ import annotations

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


def test_limits_are_used_up_and_come_back_after_a_minute() -> None:
    allowance, made = Allowance(begun_s=10.0), MadeHeaders(requests=2, tokens=100)
    seen = [dict(allowance.headers(made, 200, now_s)) for now_s in (10.0, 40.0, 69.5, 70.0)]
    assert [headers["x-ratelimit-remaining-requests"] for headers in seen] == ["1", "0", "0", "1"]
    assert [headers["x-ratelimit-remaining-tokens"] for headers in seen] == ["50", "0", "0", "50"]
    assert [headers["x-ratelimit-reset-requests"] for headers in seen] == [
        "60.000s",
        "30.000s",
        "0.500s",
        "60.000s",
    ]
    assert seen[0]["x-ratelimit-limit-requests"] == "2"
