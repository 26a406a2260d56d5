"""`joined_writes`: neighbours over one connection become one write, all other commands keep their place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy.proxy import commands
from mitmproxy.test import tflow

from openai_replay.proxy.shortcuts.joined_writes import joined

CLIENT = tflow.tclient_conn()
SERVER = tflow.tserver_conn()
LARGE = bytes(64 * 1024)


def sent(*parts: bytes | str) -> Iterator[commands.Command]:
    """Yield a write to the client per bytes, a log line per text."""
    for part in parts:
        yield commands.SendData(CLIENT, part) if isinstance(part, bytes) else commands.Log(part)


def shown(layer_commands: Iterator[commands.Command]) -> list[bytes | str]:
    """Return what `sent` would be given for these commands."""
    return [
        command.data if isinstance(command, commands.SendData) else command.message
        for command in layer_commands
        if isinstance(command, commands.SendData | commands.Log)
    ]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), []),
        ((b"head",), [b"head"]),
        ((b"head", b"body", b"end"), [b"headbodyend"]),
        ((b"head", "log", b"body", b"end", "log"), [b"head", "log", b"bodyend", "log"]),
        (("log", b"head", b""), ["log", b"head"]),
        ((b"head", LARGE, b"end"), [b"head", LARGE, b"end"]),
        ((b"head", LARGE[4:], b"end"), [b"head" + LARGE[4:], b"end"]),
    ],
)
def test_neighbours_become_one_write(parts: tuple[bytes | str, ...], expected: list[bytes | str]) -> None:
    assert shown(joined(sent(*parts))) == expected


def test_connections_are_kept_apart() -> None:
    given = [(CLIENT, b"1"), (SERVER, b"2"), (SERVER, b"3"), (CLIENT, b"4")]
    found = [*joined(commands.SendData(connection, data) for connection, data in given)]
    assert [
        (command.connection, command.data) for command in found if isinstance(command, commands.SendData)
    ] == [
        (CLIENT, b"1"),
        (SERVER, b"23"),
        (CLIENT, b"4"),
    ]


def test_bytes_before_a_failure_are_written() -> None:
    def failing() -> Iterator[commands.Command]:
        yield from sent(b"head", b"body")
        raise ValueError("a bug of a layer")

    written = joined(failing())
    assert shown(iter([next(written)])) == [b"headbody"]
    with pytest.raises(ValueError, match="a bug of a layer"):
        next(written)
