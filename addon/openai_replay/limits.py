"""Sizes that several rooms agree on."""

from __future__ import annotations

# The default of `recording_max_body`: the most bytes of an answer that is recorded, once its compression is undone.
MOST_BODY_BYTES = 256 * 1024 * 1024
