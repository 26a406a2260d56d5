"""`type_checks`: mitmproxy checks each combination of types once."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http

from openai_replay.proxy.shortcuts import type_checks
from openai_replay.proxy.shortcuts.type_checks import cache_type_checks


def make(status_code: Any) -> http.ResponseData:
    return http.ResponseData(
        http_version=b"HTTP/1.1",
        headers=http.Headers(),
        content=b"",
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
        status_code=status_code,
        reason=b"",
    )


def test_a_wrong_type_is_refused_each_time_and_a_right_one_checked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undo = cache_type_checks()
    for _ in range(2):
        make(200)
        with pytest.raises(TypeError, match="Expected <class 'int'> for status_code, but got <class 'str'>"):
            make("200")

    def not_again(_message: Any) -> None:
        raise AssertionError("checked again")

    monkeypatch.setattr(type_checks, "_check", not_again)
    make(404)
    with pytest.raises(AssertionError, match="checked again"):
        make("404")
    with pytest.raises(AssertionError, match="checked again"):
        make([404])
    undo()
