"""The modes of the proxy, in a separate module: some importers may load nothing besides the standard library."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """How the proxy answers a request to a recorded host: from a recording, or from the API."""

    REPLAY = "replay"
    RECORD = "record"
    RECORD_IF_MISSING = "record-if-missing"
    LIVE = "live"
