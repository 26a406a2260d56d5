"""Which signals end a server, after a start in a terminal and after a start by nohup."""

import signal

from openai_replay.service.ending_signals import ending_signals


def test_a_hang_up_ends_a_server_unless_it_was_started_by_nohup() -> None:
    in_a_terminal = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    assert set(ending_signals()) == in_a_terminal
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert set(ending_signals()) == in_a_terminal - {signal.SIGHUP}
    finally:
        signal.signal(signal.SIGHUP, earlier)
