"""`authorities`: each is parsed as before, and a wrong one is refused each time."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy.net.http import url

from openai_replay.proxy.shortcuts.authorities import parse_authorities_once

GIVEN = ["api.openai.com", b"api.openai.com", b"api.openai.com:8443", "[::1]:80", b"xn--bcher-kva.example"]


def parsed(check: bool) -> list[tuple[str, int | None]]:
    """Return the hosts and ports of all that are given."""
    parse: Any = url.parse_authority  # one signature for text and bytes
    return [parse(authority, check) for authority in GIVEN]


@pytest.mark.parametrize("check", [False, True])
def test_authorities_are_parsed_as_before(check: bool) -> None:
    before = parsed(check)
    undo = parse_authorities_once()
    try:
        for _ in range(2):
            assert parsed(check) == before
            assert url.parse_authority(b"not a host", check=False) == ("not a host", None)
            with pytest.raises(ValueError):  # noqa: PT011  # mitmproxy gives no message
                url.parse_authority(b"not a host", check=True)
    finally:
        undo()
    assert not hasattr(url.parse_authority, "cache_info")
