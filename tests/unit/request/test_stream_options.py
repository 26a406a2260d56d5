"""`stream_options`: a stream never gives less than a request wants."""

from __future__ import annotations

import json

import pytest

from openai_replay.format.recording import JSON
from openai_replay.request.stream_options import suffices

USAGE: JSON = {"include_usage": True}


@pytest.mark.parametrize(
    ("recorded", "wanted", "is_enough"),
    [
        (None, None, True),
        (USAGE, USAGE, True),
        (USAGE, None, True),
        (None, USAGE, False),
        ({"include_usage": False}, USAGE, False),
        (None, {"include_usage": False}, True),
        ({"include_usage": True, "include_obfuscation": False}, USAGE, True),
        (USAGE, {"include_usage": True, "include_obfuscation": False}, True),
        ({"include_obfuscation": False}, {"include_obfuscation": True}, False),
        (None, {"include_obfuscation": True}, True),
        (None, {"unheard_of": 1}, False),
        ({"unheard_of": 2}, {"unheard_of": 1}, False),
        (None, "text", False),
    ],
)
def test_a_stream_suffices_where_it_gives_all_that_is_wanted(
    recorded: JSON, wanted: JSON, is_enough: bool
) -> None:
    texts = ["" if options is None else json.dumps(options) for options in (recorded, wanted)]
    assert suffices(*texts) is is_enough
