"""Make the recording of an exchange.

Pure but for reading the body, which lies in a temporary file: no clock, no folder, no mitmproxy.
"""

from __future__ import annotations

from ..errors import NotRecordable
from .exchange import Exchange, Recorded
from .socket_session import SocketSession, recorded_session
from .stream import recorded_stream
from .timing import with_delays, with_times
from .whole_body import recorded_whole


def record(exchange: Exchange | SocketSession) -> Recorded:
    """Return the recording of an exchange, or of a WebSocket's session.

    Raises:
        NotRecordable: no recording could give the client the same again; the message says why.
    """
    if isinstance(exchange, SocketSession):
        return with_times(recorded_session(exchange), exchange.times_ms)
    if exchange.status < 200:
        raise NotRecordable(
            f"the API sent the interim response {exchange.status} first, and mitmproxy passes that on as the answer"
        )
    is_stream = exchange.status < 400 and exchange.media_type() == "text/event-stream"
    recorded = recorded_stream(exchange) if is_stream else recorded_whole(exchange)
    return with_delays(recorded, exchange)
