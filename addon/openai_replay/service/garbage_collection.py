"""Collect garbage rarely, for servers with thousands of open streams.

With so many streams a full collection takes 0.1 to 0.5 s, in which nothing is sent, and Python's default thresholds
start one for every few dozen streams.
"""

from __future__ import annotations

import gc

# Objects until a young collection (1 ms), young ones until a middle one (5 ms: a longer one shows in the pace of the
# streams), and middle ones until a full one: that comes after about ten thousand clients that left early, whose
# connections take 300 MB of memory in mitmproxy until then.
_THRESHOLDS = (10_000, 5, 40)


def collect_garbage_rarely() -> None:
    """Exclude all existing objects from collections, and collect new objects at larger intervals."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
