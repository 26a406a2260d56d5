"""The open session of the proxy: the service of one set of options, and the descriptions of mitmproxy's flows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mitmproxy import http

from ..request.body import parse_body
from ..request.identity import ApiRequest
from ..service.log_gate import LogGate
from ..service.service import Run, Service
from ..wire.content_coding import decoded_request
from .exposure import Exposure
from .flow_state import FlowState
from .hosts import url_of
from .launcher import Launcher, launcher_of
from .own_origin import OwnOrigin
from .reverse_host import ReverseHost
from .shortcuts.direct_writing import DIRECT_WRITING
from .websocket_origin import WebSocketOrigin


@dataclass(frozen=True, slots=True)
class ProxyRun(Run):
    """The parts that live as long as the proxy. `recorded_flows` has each flow whose response is under way, by id."""

    recorded_flows: dict[str, tuple[http.HTTPFlow, FlowState]] = field(default_factory=dict)
    origin: OwnOrigin = field(init=False)
    websocket_origin: WebSocketOrigin = field(default_factory=WebSocketOrigin)
    reverse_host: ReverseHost = field(default_factory=ReverseHost)
    log_gate: LogGate = field(init=False)
    exposure: Exposure = field(default_factory=Exposure)
    launcher: Launcher = field(default_factory=lambda: launcher_of(os.environ))
    writes_directly: bool = field(default_factory=DIRECT_WRITING.is_possible)

    def __post_init__(self) -> None:
        # The class is frozen.
        object.__setattr__(self, "origin", OwnOrigin(self.progress))
        object.__setattr__(self, "log_gate", LogGate(self.secrets))

    def leads_to_origin(self, address: tuple[str, int, *tuple[int, ...]] | None) -> bool:
        """Tell whether an address of a connection upstream is one of the addon's own servers."""
        return self.origin.is_at(address) or self.websocket_origin.is_at(address)

    def forget_answer(self, path: str) -> None:
        """Drop an answer that one of the addon's own servers has for a client that has left."""
        self.origin.forget(path)
        self.websocket_origin.forget(path)

    def close_origins(self) -> None:
        """End the addon's own servers."""
        self.origin.close()
        self.websocket_origin.close()


@dataclass(frozen=True, slots=True)
class Session(Service):
    """All that exists only while the options make sense."""

    run: ProxyRun

    def describe_flow(self, flow: http.HTTPFlow, state: FlowState) -> ApiRequest:
        """Return a request as matching sees it, its secrets taken out. Worked out once per flow."""
        if state.api_request is None:
            state.api_request = self._described(flow.request, state)
        return state.api_request

    def _described(self, request: http.Request, state: FlowState) -> ApiRequest:
        if state.upload is not None:
            body = state.upload.result()
        else:
            content = decoded_request(request.raw_content or b"", request.headers.get("content-encoding", ""))
            body = parse_body(content, request.headers.get("content-type", ""))
        url = url_of(request, self.settings)
        return self.describe(request.method, url, body, state.test_id, state.credentials)
