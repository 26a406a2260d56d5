"""A request's arrival: take off the test id and the proxy's headers, and let uploads pass as they come."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.proxy import mode_specs

from ..options import Mode
from ..request import scope
from ..request.credentials import credentials_of
from ..request.multipart import MultipartParser, boundary_of
from ..service import control
from ..trouble.terms import FAULT_HEADER, PACING_HEADER, PREFIX, OwnHeaders, unknown_headers
from .flow_state import FlowState, keep_state
from .hosts import is_recorded
from .session import Session

log = logging.getLogger(__name__)

# Headers that a client sends to this proxy alone.
_PROXY_AUTHORIZATION = "proxy-authorization"
_OWN_HEADERS = {scope.HEADER, _PROXY_AUTHORIZATION}


class ConnectionTestIds:
    """The test ids that came with CONNECT, per client connection."""

    def __init__(self) -> None:
        self._of_connection: dict[str, str | None] = {}

    def take(self, flow: http.HTTPFlow) -> None:
        """Read the test id in the user name of the proxy's URL, which comes with CONNECT."""
        value = flow.request.headers.get(_PROXY_AUTHORIZATION)
        if value is not None and not _asks_for_passwords():
            self._of_connection[flow.client_conn.id] = scope.from_proxy_authorization(value)

    def of(self, connection_id: str) -> str | None:
        """Return the test id of a client connection, None when it brought none."""
        return self._of_connection.get(connection_id)

    def forget(self, connection_id: str) -> None:
        """Forget a connection that ended."""
        self._of_connection.pop(connection_id, None)


def arrived(flow: http.HTTPFlow, session: Session, test_ids: ConnectionTestIds) -> None:
    """Attach a state to a flow whose headers have come in, if it goes to a recorded host or to the proxy itself."""
    request = flow.request
    prefix, path = _split_path(flow)
    if prefix == "" or _is_for_control_host(flow):
        refusal = control.refusal_of(_header_texts(request), allowed_host=session.is_own_name)
        state = FlowState(session, is_control=True, control_target=path, control_refusal=refusal)
        keep_state(flow, state)
        return
    session.run.reverse_host.replace(flow)
    if not is_recorded(request, session.settings):
        return
    if prefix is not None:
        request.path = path
    _follow_launcher(flow, session)
    own_headers = {name for name in _header_names(request) if name in _OWN_HEADERS or name.startswith(PREFIX)}
    given = _test_id_of_request(request, own_headers, test_ids.of(flow.client_conn.id)) or prefix
    credentials = _credentials(request)
    session.run.secrets.learn(credentials)
    session.run.exposure.point_out(session.settings, credentials)
    state = keep_state(flow, FlowState(session, session.test_id(given, credentials), credentials))
    if own_headers - _OWN_HEADERS:
        headers = request.headers
        state.own_headers = OwnHeaders(
            headers.get(PACING_HEADER), headers.get(FAULT_HEADER), unknown_headers(own_headers)
        )
    for name in own_headers:
        del request.headers[name]
    _let_upload_pass(flow, state)


def _follow_launcher(flow: http.HTTPFlow, session: Session) -> None:
    """Put in the real keys, before the request's credentials are looked up, and go past the user's own proxy."""
    launcher = session.run.launcher
    launcher.prepare(flow.request)
    if launcher.connects_directly(flow.request, session.settings) and not flow.server_conn.connected:
        flow.server_conn.via = None


def unprepared(flow: http.HTTPFlow, session: Session) -> FlowState:
    """Attach a state to a flow whose arrival failed or came before the options made sense."""
    return keep_state(flow, FlowState(session, credentials=_credentials(flow.request)))


def _credentials(request: http.Request) -> tuple[str, ...]:
    return credentials_of(request.headers.items(multi=True))


def _is_for_control_host(flow: http.HTTPFlow) -> bool:
    """Tell whether a request names the control host, which in base-URL mode only its Host header can."""
    request = flow.request
    if request.host == control.HOST:
        return True
    return isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode) and (
        request.pretty_host.lower() == control.HOST
    )


def _header_texts(request: http.Request) -> dict[str, str]:
    texts = {name.lower(): value for name, value in request.headers.items(multi=True)}
    return {"host": request.host_header or "", **texts}


def _split_path(flow: http.HTTPFlow) -> tuple[str | None, str]:
    if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode):
        return scope.split_path(flow.request.path)
    return None, flow.request.path


def _test_id_of_request(
    request: http.Request, own_headers: set[str], of_connection: str | None
) -> str | None:
    headers = request.headers
    if scope.HEADER in own_headers and (of_header := scope.from_header(headers[scope.HEADER])):
        return of_header
    if of_connection:
        return of_connection
    if _PROXY_AUTHORIZATION in own_headers and not _asks_for_passwords():
        return scope.from_proxy_authorization(headers[_PROXY_AUTHORIZATION])
    return None


def _let_upload_pass(flow: http.HTTPFlow, state: FlowState) -> None:
    """Stream a form while recording, so that memory does not grow with it; all else is needed whole to match.

    A form that is compressed is decoded as a whole, as in replay.
    """
    mode = state.session.settings.mode
    flow.request.stream = mode is Mode.LIVE
    if mode is not Mode.RECORD:
        return
    boundary = boundary_of(flow.request.headers.get("content-type", ""))
    if boundary is not None and "content-encoding" not in flow.request.headers:
        state.upload = MultipartParser(boundary)
        flow.request.stream = _upload_tap(state, state.upload)


def _upload_tap(state: FlowState, upload: MultipartParser) -> Callable[[bytes], bytes]:
    def tap(data: bytes) -> bytes:
        try:
            if state.is_upload_described:
                upload.feed(data)
        except Exception:  # of any kind: it must not reach the client
            state.is_upload_described = False
            log.exception("An upload could not be described; it is not recorded")
        return data

    return tap


def _header_names(request: http.Request) -> set[str]:
    """Return the names in lower case; to look one up in mitmproxy's headers costs as much as all of this."""
    return {name.lower().decode("latin-1") for name, _ in request.headers.fields}


def _asks_for_passwords() -> bool:
    """Tell whether mitmproxy itself uses the credentials in the proxy's URL, so that they are no test id."""
    return "proxyauth" in ctx.options and bool(ctx.options.proxyauth)
