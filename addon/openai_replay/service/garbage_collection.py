"""Collect garbage rarely, for servers with thousands of open streams.

With those, a full collection takes a tenth of a second to half of one, in which nothing is sent, and Python's own
thresholds make one for every few dozen streams.
"""

from __future__ import annotations

import gc

# Objects until a young collection (1 ms), young ones until a middle one, and middle ones until a full one: that comes
# with every few thousand requests, so that memory is freed all the same.
_THRESHOLDS = (10_000, 20, 40)


def collect_garbage_rarely() -> None:
    """Leave all objects there are out of collections from now on, and collect new ones at larger intervals."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
