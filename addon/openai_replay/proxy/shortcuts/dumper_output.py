"""Filter the text that mitmdump's `dumper` prints of each flow, where secrets may stand.

No gain in speed but a need: `dumper` writes to its file directly, past the handlers of the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TextIO

from mitmproxy import ctx

from .guarded import Undo

log = logging.getLogger(__name__)

_DUMPER = "dumper"


def filter_dumper_output(clean: Callable[[str], str]) -> Undo:
    """Let `dumper` print the results of `clean` in place of its texts. Nothing happens where no flow is printed."""
    dumper = ctx.master.addons.get(_DUMPER)
    if dumper is None:
        return _nothing
    output = getattr(dumper, "outfp", None)
    if output is None:
        log.debug("mitmproxy is left as it is, without a filter of printed flows: found no Dumper.outfp")
        return _nothing
    dumper.outfp = _FilteredOutput(output, clean)
    return lambda: setattr(dumper, "outfp", output)


def _nothing() -> None:
    """Undo nothing."""


class _FilteredOutput:
    """A text file whose texts are filtered as they are written."""

    def __init__(self, output: TextIO, clean: Callable[[str], str]) -> None:
        self._output = output
        self._clean = clean

    def write(self, text: str) -> int:
        """Write the filtered text."""
        return self._output.write(self._clean(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)
