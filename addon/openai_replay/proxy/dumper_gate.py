"""Keep secrets out of mitmdump's lines for each flow, which quote URLs: its `dumper` writes them past the log."""

from __future__ import annotations

from typing import Any, TextIO

from mitmproxy import ctx

from ..service.log_gate import LogGate


class DumperGate:
    """Stands between mitmdump's `dumper` and its output."""

    def __init__(self, log_gate: LogGate) -> None:
        """Prepare a gate that replaces the secrets that the gate of the log replaces."""
        self._log_gate = log_gate
        self._output: TextIO | None = None

    def install(self) -> None:
        """Stand before the output, if there is one."""
        dumper = _dumper()
        if dumper is not None:
            self._output = dumper.outfp
            dumper.outfp = _GatedOutput(dumper.outfp, self._log_gate)

    def uninstall(self) -> None:
        """Stand aside again."""
        dumper = _dumper()
        if dumper is not None and self._output is not None:
            dumper.outfp = self._output


class _GatedOutput:
    """A text file that mitmdump prints to."""

    def __init__(self, output: TextIO, gate: LogGate) -> None:
        self._output = output
        self._gate = gate

    def write(self, text: str) -> int:
        """Write a text without its secrets."""
        return self._output.write(self._gate.cleaned(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def _dumper() -> Any:
    """Return mitmdump's addon that prints flows, None where it is not there or keeps its output elsewhere."""
    dumper = ctx.master.addons.get("dumper")
    return dumper if hasattr(dumper, "outfp") else None
