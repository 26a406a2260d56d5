"""The mitmproxy addon: the class is the list of hooks that mitmproxy calls. Each hands on to a module of its subject.

mitmproxy's behaviour when an addon fails decides the shape. After an exception in a hook it forwards the request, so
in replay the refusal is set first and then the answer, and `server_connect` refuses every connection until it is known
to be allowed. An exception in a stream callable hangs the client, so a tap never raises. A response that breaks off
gets no `response` hook, so an exchange is finished there and in `error`. A script that is reloaded and no longer loads
leaves a proxy that forwards everything, so a guard stays behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

from mitmproxy import connection, ctx, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks

from ..errors import BadOption
from ..options import OPTIONS, Mode, Settings, default_values, meant_as_ours, refuse_unknown
from ..options_file import resolve
from ..replay.shared_run import mark_ready
from ..service import control
from ..service.answering import Refusal
from ..service.request_log import ENVIRONMENT_NAME, RequestLog
from ..service.telemetry import is_telemetry
from .arrival import ConnectionTestIds, arrived, unprepared
from .capture import finish, finish_all, finish_and_wait, pass_through, record_or_replay, tap_response
from .client_connection import reset_client
from .connect_targets import ConnectTargets
from .distrust import DistrustingClients
from .endings import ending_after_error, explained_error, reason_without_tunnel
from .flow_state import FlowState, state_of
from .given_options import given_options, refuse_unregistered, take_deferred
from .guard import Guard, refusal_to_connect, relieve_guard
from .hosts import (
    PASSING_OPTIONS,
    is_recorded,
    is_websocket,
    leads_to_recorded_host,
    refuse_passed_hosts,
    refuse_unrecorded_reverse_proxy,
    set_mitmproxy_options,
)
from .invalid_requests import invalid_request
from .other_hosts import OtherHostWatch, refusal_response
from .own_address import OWN_ADDRESS, leads_to_itself
from .replaying import replay_or_refuse
from .responses import control_response, no_content, open_tunnel, refused, unavailable
from .session import ProxyRun, Session
from .shortcuts.addon_shortcuts import take_shortcuts
from .shortcuts.dumper_output import filter_dumper_output
from .shortcuts.guarded import Undo, apply
from .shortcuts.inbound_headers import INBOUND_HEADERS, read_inbound_headers
from .start_errors import count_only_errors_of_the_start, fail_start, start_has_failed
from .upgrades import answer_upgrade
from .websocket_capture import capture_end, capture_message, forget_passed_messages

log = logging.getLogger(__name__)

_OPTION_NAMES = frozenset(option.name for option in OPTIONS)
_NOT_STARTED = Refusal("The addon did not start; the proxy's log says why.")


class OpenAIReplay:
    """The addon. `_session` is None while the options make no sense: then everything is refused."""

    def __init__(self) -> None:
        self._run = ProxyRun.new(os.environ)
        self._session: Session | None = None
        # Until a session is open that may send requests upstream, and again when it is closed.
        self._is_closed = True
        # An option that mitmproxy could not take, for `configure` to report.
        self._bad_option: BadOption | None = None
        self._targets = ConnectTargets()
        self._other_hosts = OtherHostWatch(self._run.report, self._run.front_end)
        self._test_ids = ConnectionTestIds()
        self._distrusting = DistrustingClients(self._run.report, self._run.launcher.is_run)
        self._ending: Awaitable[None] | None = None
        self._undo: list[Undo] = []

    # --- life of the addon ---

    def load(self, loader: Loader) -> None:
        """Register the options, their defaults from the environment."""
        _register_options(loader)
        try:
            take_deferred()
        except BadOption as exc:
            self._bad_option = exc
        relieve_guard()
        self._run.log_gate.install()
        count_only_errors_of_the_start()
        shortcuts = take_shortcuts(ctx.master.addons)
        # Applied last, so that it replaces the check of headers that a shortcut has replaced, and is undone first.
        needed = apply([(INBOUND_HEADERS, partial(read_inbound_headers, self._invalid_request))])
        self._undo = [filter_dumper_output(self._run.log_gate.cleaned), *needed, *shortcuts]

    def configure(self, updated: set[str]) -> None:
        """Check the options; a value that makes no sense ends mitmdump, which exits when an error is logged."""
        if updated & (_OPTION_NAMES | PASSING_OPTIONS):
            self._close_session()
            try:
                checked = self._checked()
            except BadOption as exc:
                fail_start(self._run.front_end.reworded(str(exc)))
                return
            self._open_session(checked)

    def _open_session(self, checked: Settings) -> None:
        self._session = Session.opened(self._run, checked, os.environ)
        self._session.announce_terms()
        set_mitmproxy_options(checked, self._run.reverse_host)
        self._is_closed = checked.mode is Mode.REPLAY

    def _checked(self) -> Settings:
        if self._bad_option is not None:
            raise self._bad_option
        checked = resolve(given_options(_OPTION_NAMES), os.environ)
        refuse_unrecorded_reverse_proxy(checked)
        refuse_passed_hosts(checked)
        if self._run.shared is not None and checked.mode is not Mode.REPLAY:
            raise BadOption(
                f"recording_mode={checked.mode.value!r}: expected replay, for one of several workers"
            )
        return checked

    def _close_session(self) -> None:
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def running(self) -> None:
        """Check the names of all options, and tell that the proxy is ready."""
        self._refuse_unknown_options()
        _show_conversations()
        _quieten(self._run.requests)
        if self._session is not None and not start_has_failed():
            self._session.point_out_empty_folder()
            if self._run.shared is not None:
                mark_ready(self._run.shared)

    def _refuse_unknown_options(self) -> None:
        """End the start for a name that nothing registered: mitmproxy keeps it for an addon that may yet come."""
        try:
            refuse_unknown(meant_as_ours(ctx.options.deferred, _OPTION_NAMES), _OPTION_NAMES, "option")
            refuse_unregistered(sys.argv)
        except BadOption as exc:
            fail_start(str(exc))
            self._close_session()

    def done(self) -> Awaitable[None]:
        """Finish all writing, and write the report.

        A task, not a coroutine: when mitmproxy loads a script again it calls this where it cannot wait, refuses
        coroutines there, and with the refusal ends its watch over the script.
        """
        self._run.log_gate.uninstall()
        for undo in self._undo:
            undo()
        finish_all(self._run)
        ctx.master.addons.add(Guard(self._settings(), self._targets))
        self._run.close_origins()
        self._ending = asyncio.get_running_loop().create_task(self._end())
        return self._ending

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.finish()
        self._close_session()
        self._run.worker.close()

    def _settings(self) -> Settings | None:
        return None if self._session is None else self._session.settings

    # --- connections ---

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Take note of the target and the test id of CONNECT; let tunnels to the control page open."""
        self._targets.note(flow, self._settings())
        self._test_ids.take(flow)
        if flow.request.host == control.HOST:
            flow.response = open_tunnel()
        elif self._session is not None and not is_recorded(flow.request, self._session.settings):
            self._tunnel_or_refuse(flow, self._session.settings)

    def _tunnel_or_refuse(self, flow: http.HTTPFlow, settings: Settings) -> None:
        reason = self._other_hosts.refusal(flow.request.host, settings)
        if reason:
            flow.response = refused(flow.request, refusal_response(reason))
        else:
            self._other_hosts.connected(flow.request.host, settings)

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """Say why nothing can be recorded, when that already shows at CONNECT."""
        if self._session is not None and is_recorded(flow.request, self._session.settings):
            test_id = self._test_ids.of(flow.client_conn.id)
            test_id = test_id and self._session.rules.redactor.text(test_id)
            what = f"CONNECT {flow.request.host}:{flow.request.port}"
            reason = reason_without_tunnel(flow)
            log.error("Not recorded: %s: %s", what, reason)
            self._run.report.add_not_recorded(test_id, what, reason)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the connection."""
        self._targets.forget(client.id)
        self._test_ids.forget(client.id)
        self._distrusting.disconnected(client.id)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse connections to recorded hosts in replay, for any reason that mitmproxy may have to open one."""
        earlier = data.server.error  # mitmproxy's own refusal to connect to itself
        # Refused until it is known to be allowed: after an exception in a hook mitmproxy connects.
        data.server.error = "the addon failed; the proxy's log says why"
        self._run.reverse_host.name_server(data.server, data.client)
        data.server.error = self._refusal_to_connect(data) or earlier

    def _refusal_to_connect(self, data: server_hooks.ServerConnectionHookData) -> str | None:
        if self._run.leads_to_origin(data.server.address):
            return None
        return refusal_to_connect(
            data.server, data.client, self._settings(), self._targets
        ) or self._refusal_of_other_host(data.server, data.client)

    def _refusal_of_other_host(self, server: connection.Server, client: connection.Client) -> str | None:
        """Return why a connection is refused whose host no request named: by SOCKS, or transparently."""
        if self._session is None or server.address is None or server.via is not None:
            return None
        settings = self._session.settings
        if leads_to_recorded_host(server, settings):
            return None
        if refusal := self._other_hosts.refusal(server.address[0], settings):
            return refusal
        self._other_hosts.opened(client, server.address[0], settings)
        return None

    def tls_established_client(self, data: tls.TlsData) -> None:
        """Take note of a client that may yet not trust the proxy's certificate."""
        if self._session is not None and self._session.settings.is_recorded(data.conn.sni or "", 443):
            self._distrusting.established(data)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Say once how a client is made to trust the proxy's certificate."""
        host = data.conn.sni or ""
        if self._session is not None and self._session.settings.is_recorded(host, 443):
            self._distrusting.failed(host)

    # --- requests and responses ---

    def _invalid_request(self, authority: str, reason: str) -> None:
        """Tell and count a request that no hook gets, because HTTP/2 forbids it."""
        self._distrusting.has_request()
        if self._session is not None:
            invalid_request(self._session, authority, reason)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Take the test id off a request, and let uploads that are recorded pass as they come."""
        self._distrusting.requested(flow.client_conn.id)
        if self._session is not None:
            arrived(flow, self._session, self._test_ids)

    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer from the recordings, or take note of a request that is to be recorded."""
        earlier = flow.response
        if self._is_closed:
            flow.response = unavailable()  # a request without a response is forwarded after an exception
        if self._session is None:
            flow.response = refused(flow.request, _NOT_STARTED)
        elif state := state_of(flow):
            await _prepared_request(flow, state)
        else:
            await self._unprepared_request(flow, self._session, earlier)

    async def _unprepared_request(
        self, flow: http.HTTPFlow, session: Session, earlier: http.Response | None
    ) -> None:
        """Let a request to another host pass; one to a recorded host is here when its arrival failed."""
        self._targets.note(flow, session.settings)
        if is_recorded(flow.request, session.settings):
            await _api_request(flow, unprepared(flow, session))
        elif await leads_to_itself(flow):
            flow.response = refused(flow.request, OWN_ADDRESS)
        elif reason := self._other_hosts.refusal(flow.request.host, session.settings):
            flow.response = refused(flow.request, refusal_response(reason))
        else:
            self._other_hosts.requested(flow.request, session.settings)
            flow.response = earlier

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let a response pass as it comes, and keep a copy if it is recorded."""
        state = state_of(flow)
        if state is not None:
            tap_response(flow, state)

    async def response(self, flow: http.HTTPFlow) -> None:
        """Record an exchange that is complete."""
        state = state_of(flow)
        if state is not None:
            await finish_and_wait(flow, state)

    def error(self, flow: http.HTTPFlow) -> None:
        """Record the part of an exchange that came before it broke off."""
        state = state_of(flow)
        if state is not None:
            if state.is_from_origin:
                self._run.forget_answer(flow.request.path)
            end = ending_after_error(flow)
            finish(flow, state, end, explained_error(flow, end))
            if state.ends_in_reset:
                reset_client(flow.client_conn)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Record a message of a WebSocket, and drop the earlier messages from memory."""
        state = state_of(flow)
        if state is not None and state.socket is not None:
            await capture_message(flow, state.socket)
        if state is not None:
            forget_passed_messages(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Record the end of a WebSocket."""
        state = state_of(flow)
        if state is not None and state.socket is not None:
            self._run.recorded_flows.pop(flow.id, None)
            capture_end(flow, state.socket)


def _quieten(requests: RequestLog) -> None:
    """Write no line per request where the log is quiet, or where the flows themselves can be looked at."""
    is_decided_by_run = ENVIRONMENT_NAME in os.environ
    is_quiet = ctx.options.termlog_verbosity in ("error", "warn", "alert")
    if not is_decided_by_run and (is_quiet or ctx.master.addons.get("view") is not None):
        requests.is_on = False


def _show_conversations() -> None:
    """Add the content view to programs that show flows; `serve` shows none, and starts faster without the views."""
    if any(ctx.master.addons.get(name) is not None for name in ("dumper", "view")):
        from .content_views import show_conversations

        show_conversations()


async def _prepared_request(flow: http.HTTPFlow, state: FlowState) -> None:
    if state.is_control:
        answer = await state.session.control_answer(
            flow.request.method, state.control_target, state.control_refusal
        )
        flow.response = control_response(flow.request, answer)
    else:
        await _api_request(flow, state)


async def _api_request(flow: http.HTTPFlow, state: FlowState) -> None:
    mode = state.session.settings.mode
    if is_websocket(flow.request):
        await answer_upgrade(flow, state)
    elif is_telemetry(flow.request.method, flow.request.path):
        if mode is Mode.REPLAY:
            flow.response = no_content()
    elif mode is Mode.REPLAY:
        await replay_or_refuse(flow, state)
    elif mode is Mode.LIVE:
        pass_through(flow, state)
    else:
        await record_or_replay(flow, state)


def _register_options(loader: Loader) -> None:
    try:
        defaults = default_values(os.environ)
    except BadOption:
        defaults = default_values({})  # `configure` reads the environment, too, and reports the error
    for option in OPTIONS:
        typespec: Any = str if isinstance(option.default, str) else Sequence[str]
        loader.add_option(option.name, typespec, defaults[option.name], option.help)
