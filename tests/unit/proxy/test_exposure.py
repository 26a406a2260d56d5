"""`exposure`: a proxy that others can use while it records with a real key says so once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from mitmproxy.test import taddons

from openai_replay.options import OPTIONS, Settings, settings
from openai_replay.proxy.exposure import Exposure


def checked(directory: Path, mode: str) -> Settings:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    return settings(values | {"recording_dir": str(directory), "recording_mode": mode})


@pytest.mark.parametrize(
    ("host", "mode", "credentials", "lines"),
    [
        ("", "record", ("a-real-key",), 1),
        ("0.0.0.0", "record-if-missing", ("a-real-key",), 1),
        ("127.0.0.1", "record", ("a-real-key",), 0),
        ("", "record", (), 0),
        ("", "replay", ("a-real-key",), 0),
    ],
)
def test_it_is_pointed_out_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    host: str,
    mode: str,
    credentials: tuple[str, ...],
    lines: int,
) -> None:
    exposure = Exposure()
    with taddons.context() as context, caplog.at_level(logging.WARNING):
        context.options.listen_host = host
        for _ in range(2):
            exposure.point_out(checked(tmp_path, mode), credentials)

    assert [record.getMessage()[:40] for record in caplog.records] == (
        ["This proxy listens on all addresses of t"] * lines
    )
