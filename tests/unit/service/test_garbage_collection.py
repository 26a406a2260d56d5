"""`garbage_collection`: young collections at larger intervals than Python's, and none of the objects of the start."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from openai_replay.service.garbage_collection import collect_garbage_rarely
gc.disable()
collect_garbage_rarely()
print(gc.isenabled(), gc.get_freeze_count() > 0, gc.get_threshold()[0] > 2000)
"""


def test_collections_are_rarer_and_on() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
