"""Connections of this process that go past the proxy."""

import socket

import pytest

from openai_replay.launch.bypass import BypassGuard, explanation


@pytest.fixture
def guard() -> BypassGuard:
    return BypassGuard()


@pytest.mark.parametrize("host", ["api.example.invalid", "API.example.invalid.", b"api.example.invalid"])
def test_a_look_up_of_a_recorded_host_is_refused_and_remembered(
    guard: BypassGuard, host: str | bytes
) -> None:
    with guard.watching(["api.example.invalid"]):
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError, match="a client goes past the proxy"):
                socket.getaddrinfo(host, 443)
    assert guard.taken() == ["api.example.invalid"]
    assert guard.taken() == []


def test_patterns_and_ports_are_read_as_recording_hosts_has_them(guard: BypassGuard) -> None:
    with guard.watching(["*.example.invalid", "llm.invalid:8000"]):
        for host in ("a.b.example.invalid", "llm.invalid"):
            with pytest.raises(ConnectionRefusedError):
                socket.getaddrinfo(host, 1)


def test_this_machine_and_other_hosts_are_left_alone(guard: BypassGuard) -> None:
    with guard.watching(["localhost:11434", "api.example.invalid"]):
        assert socket.getaddrinfo("127.0.0.1", 1)
        assert socket.getaddrinfo("localhost", 1)
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("other.example.invalid", 1)
    assert guard.taken() == []


def test_nothing_is_refused_after_the_block(guard: BypassGuard) -> None:
    with guard.watching(["outer.invalid"]):
        with guard.watching(["inner.invalid"]):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.getaddrinfo("outer.invalid", 1)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("outer.invalid", 1)


def test_a_look_up_is_noted_without_refusing_it(guard: BypassGuard) -> None:
    with guard.watching(["outer.invalid"]):
        with guard.watching(["inner.invalid"], refuses=False):
            for _ in range(2):
                with pytest.raises(socket.gaierror):
                    socket.getaddrinfo("inner.invalid", 1)
        with pytest.raises(ConnectionRefusedError):
            socket.getaddrinfo("outer.invalid", 1)
    assert (guard.taken_notes(), guard.taken()) == (["inner.invalid"], ["outer.invalid"])
    assert guard.taken_notes() == []


def test_the_reason_names_the_remedies() -> None:
    assert "openai_replay = true" in explanation("a")
    assert "--recording-base-url" in explanation("a")
