"""Per-flow state of a request to a recorded host.

It lies beside the flow and not in `flow.metadata`: mitmproxy copies and saves that with the flow (`mitmdump -w`), and
the state holds objects that cannot be copied, such as the recorder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mitmproxy import http

from ..record.recorder import Ticket
from ..request.identity import ApiRequest
from ..request.multipart import MultipartParser
from ..trouble.terms import NO_OWN_HEADERS, OwnHeaders
from .shortcuts.direct_writing import DirectWriter
from .tap import Tap

if TYPE_CHECKING:
    from .session import Session
    from .websocket_capture import SocketCapture


@dataclass(slots=True)
class FlowState:
    """A request to a recorded host while it is under way, or one to the proxy itself.

    `session` was open when the request came in: changed options count for later requests.
    """

    session: Session
    test_id: str | None = None
    credentials: tuple[str, ...] = field(default=(), repr=False)
    is_control: bool = False
    control_target: str = ""
    control_refusal: str = ""
    upload: MultipartParser | None = None
    is_upload_described: bool = True
    api_request: ApiRequest | None = None  # described once, by `session.describe`
    ticket: Ticket | None = None
    asked_s: float = 0.0  # when the request was complete, by `time.monotonic`
    tap: Tap | None = None
    is_from_origin: bool = False
    own_headers: OwnHeaders = NO_OWN_HEADERS
    ends_in_reset: bool = False
    socket: SocketCapture | None = None  # of a WebSocket that is recorded
    direct_writer: DirectWriter | None = None


_STATES: WeakKeyDictionary[http.HTTPFlow, FlowState] = WeakKeyDictionary()


def state_of(flow: http.HTTPFlow) -> FlowState | None:
    """Return the state of a flow, None when its host is not recorded."""
    return _STATES.get(flow)


def keep_state(flow: http.HTTPFlow, state: FlowState) -> FlowState:
    """Attach a state to its flow, and return it."""
    _STATES[flow] = state
    return state
