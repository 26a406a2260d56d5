"""Requests that HTTP/2 forbids, which no hook gets: the log and the report have them; no certificate is suspected."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import h2.exceptions
import h2.stream
import pytest

from .conftest import HOST, loaded, request_flow


def receive(host: str) -> None:
    """Let a server over HTTP/2 read the headers of a request, one of them invalid."""
    flags: Any = h2.stream.HeaderValidationFlags(  # type: ignore[attr-defined]  # it imports the name
        is_client=False, is_trailer=False, is_response_header=False, is_push_promise=False
    )
    headers = [(b":authority", host.encode()), (b"x-key", b"sk-secret\n")]
    with suppress(h2.exceptions.ProtocolError):
        vars(h2.stream)["validate_headers"](headers, flags)


@pytest.mark.parametrize(
    ("mode", "host", "counted"),
    [
        ("replay", HOST, "missed"),
        ("replay", f"{HOST}:443", "missed"),
        ("record", HOST, "not_recorded"),
        ("record-if-missing", HOST, "not_recorded"),
        ("live", HOST, ""),
        ("replay", "example.org", ""),
    ],
)
async def test_an_invalid_request_is_told_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str, host: str, counted: str
) -> None:
    async with loaded(tmp_path, recording_mode=mode) as addon:
        receive(host)
        asked = await addon.ask(request_flow(host="openai-replay.test", path="/report"))
        assert asked.response is not None
        totals = asked.response.json()["totals"]

    told = [line for line in caplog.messages if line.startswith("Refused: ")]
    assert {name: totals[name] for name in ("missed", "not_recorded")} == {
        name: int(name == counted) for name in ("missed", "not_recorded")
    }
    assert ["x-key has a line break" in line for line in told] == ([] if host == "example.org" else [True])
    assert "sk-secret" not in caplog.text
