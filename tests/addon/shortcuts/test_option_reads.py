"""`option_reads`: values are as before, and a list that somebody changes is a copy."""

from __future__ import annotations

from mitmproxy import options

from openai_replay.proxy.shortcuts.option_reads import read_options_without_copies


def test_values_are_read_as_before() -> None:
    opts = options.Options()
    before = {name: getattr(opts, name) for name in opts.keys()}  # noqa: SIM118  # it is no mapping
    undo = read_options_without_copies()
    try:
        assert {name: getattr(opts, name) for name in before} == before
        opts.update(listen_port=1234, mode=["socks5"])
        assert (opts.listen_port, opts.mode) == (1234, ["socks5"])
        opts.mode.append("regular")
        assert opts.mode == ["socks5"]
    finally:
        undo()
