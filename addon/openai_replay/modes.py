"""The modes of the proxy. A module of its own, for those that must import nothing besides the standard library."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """What the proxy does with a request to a recorded host."""

    REPLAY = "replay"
    RECORD = "record"
    RECORD_IF_MISSING = "record-if-missing"
    LIVE = "live"
