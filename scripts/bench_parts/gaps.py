"""How well recorded gaps are replayed: a part of the table `pacing`, by the clock of curl.

curl receives a stream of 200 chunks with uneven gaps while it is recorded, and again in replay with
`recording_pacing=recorded`. Gap by gap, both times are compared; both of them contain the delays of this machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from support.curl_clock import event_times, gaps

from .programs import PROXY_MODE, URL, Running, request_body, running, server
from .record import stream_source, to_source
from .statistics_of import table

CHUNKS = 200
_GAP_US = 20_000


@dataclass(frozen=True, slots=True)
class Compared:
    """The gaps of a stream while recording and in replay, in ms."""

    protocol: str
    recorded_ms: list[float]
    replayed_ms: list[float]

    def ratio(self) -> float:
        """Return the replayed time from the first to the last event as a share of the recorded time."""
        return sum(self.replayed_ms) / sum(self.recorded_ms)

    def differences_ms(self) -> list[float]:
        """Return by how much each gap differs, in order of size."""
        pairs = zip(self.recorded_ms, self.replayed_ms, strict=True)
        return sorted(abs(replayed - recorded) for recorded, replayed in pairs)


def measure(top: Path) -> list[Compared]:
    """Record a stream, and replay it over HTTP/1.1 and HTTP/2; `top` is an empty folder."""
    folder, ca_file = top / "timed", top / "ca.pem"
    recording = server(folder, "recording_mode=record", "recording_timing=true")
    with stream_source(ca_file) as port:
        with running(to_source(recording, port, ca_file), top / "home", PROXY_MODE) as recorder:
            recorded = _gaps(recorder)
    with running(server(folder, "recording_pacing=recorded"), top / "home", PROXY_MODE) as replayer:
        return [
            Compared(protocol, recorded, _gaps(replayer, f"--{protocol}"))
            for protocol in ("http1.1", "http2")
        ]


def _gaps(proxy: Running, *arguments: str) -> list[float]:
    body = json.loads(request_body(CHUNKS))
    return gaps(event_times(proxy, body, *arguments, url=f"{URL}?gap_us={_GAP_US}&uneven"))


def report(everything: list[Compared]) -> str:
    """Return the comparison as a table."""
    rows = [
        [
            "recorded and replayed gaps",
            "gaps",
            "recorded ms",
            "replayed ms",
            "ratio",
            "p50 ms",
            "p99 ms",
            "most ms",
        ]
    ]
    for one in everything:
        differences = one.differences_ms()
        rows.append(
            [
                one.protocol,
                str(len(differences)),
                f"{sum(one.recorded_ms):.0f}",
                f"{sum(one.replayed_ms):.0f}",
                f"{one.ratio():.4f}",
                f"{median(differences):.2f}",
                f"{differences[int(len(differences) * 0.99)]:.2f}",
                f"{differences[-1]:.2f}",
            ]
        )
    return table(rows)
