"""mitmproxy in, mitmproxy out: the addon, and what mitmproxy calls of it.

What mitmproxy does when an addon fails decides the shape. An exception in a hook forwards the request, so in replay
the refusal is set first and then the answer, and `server_connect` refuses whatever gets that far. An exception in a
stream callable hangs the client, so a tap never raises. A response that breaks off gets no `response` hook, so an
exchange is finished there and in `error`. A script that is reloaded and no longer loads leaves a proxy that forwards
everything, so a guard stays behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, http, optmanager, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http import status_codes
from mitmproxy.proxy import mode_specs, server_hooks

from ..errors import BadOption, BadRecording, OpenAIReplayError
from ..format.recording import JSON, dump_json
from ..options import OPTIONS, Mode, Settings, default_values, meant_as_ours, refuse_unknown
from ..options_file import resolve
from ..record.exchange import End, Exchange
from ..record.recorder import Recorder, Ticket
from ..replay import miss
from ..replay.answer import Answer
from ..replay.replayer import Positions, Replayer
from ..replay.shared_run import SharedPositions, SharedReport, mark_ready, shared_folder
from ..report import Report
from ..request import scope
from ..request.identity import ApiRequest, Rules, describe, opaque_body, parse_body
from ..request.multipart import MultipartParser, boundary_of
from ..request.redaction import credentials_of
from ..store.index import Index, cache_folder
from ..store.store import Store
from ..wire.content_coding import decoded
from . import control
from .own_origin import HOST as ORIGIN_HOST
from .own_origin import BreakingOrigin
from .shortcuts.hook_dispatch import (
    restore_hook_dispatch,
    skip_test_lookup_in_task_names,
    skip_unhandled_hooks,
)
from .shortcuts.type_checks import cache_type_checks

log = logging.getLogger(__name__)

_STATE = "openai_replay"

# A response's end waits this long for its file, so that a test that looks right after its call finds it there; a
# disk that takes longer holds nobody up.
_LONGEST_WAIT_FOR_FILE_S = 0.5

_MOST_IN_MEMORY_BYTES = 1024 * 1024

# Headers that a client sends to this proxy alone.
_PROXY_AUTHORIZATION = "proxy-authorization"
_OWN_HEADERS = {scope.HEADER, _PROXY_AUTHORIZATION}

# Headers that say how to read the rest of a request.
_DESCRIBING_HEADERS = {b"host", b"content-type", b"content-encoding"}


@dataclass(slots=True)
class FlowState:
    """What is known of a request to a recorded host while it is under way."""

    test_id: str | None
    credentials: tuple[str, ...]
    is_control: bool = False
    control_target: str = ""
    upload: MultipartParser | None = None
    is_upload_described: bool = True
    ticket: Ticket | None = None
    tap: Tap | None = None
    is_from_origin: bool = False


class Tap:
    """Looks on while a response's bytes pass, and keeps them, large ones on disk. It never raises."""

    def __init__(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY_BYTES)  # noqa: SIM115  # closed with the exchange
        self.problem = ""
        self.size = 0

    def __call__(self, data: bytes) -> bytes:
        """Take the next bytes of the body and hand them on."""
        self.size += len(data)
        if not self.problem:
            try:
                self._spool.write(data)
            except Exception as exc:  # whatever it is, it must not reach the client
                self.problem = f"its bytes could not be kept: {exc}"
        return data

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes that passed."""
        self._spool.seek(0)
        while piece := self._spool.read(64 * 1024):
            yield piece

    def close(self) -> None:
        """Let go of the bytes."""
        self._spool.close()


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that passed a tap, less their content coding; they can be read more than once."""

    tap: Tap
    content_encoding: str

    def __iter__(self) -> Iterator[bytes]:
        return decoded(self.tap.pieces(), self.content_encoding)


@dataclass(slots=True)
class Guard:
    """Takes the addon's place when the script is unloaded, be it to load it again: nothing reaches a recorded host.

    Only then: each addon that mitmproxy knows costs every request about 20 µs.
    """

    settings: Settings | None = None
    name: str = field(default="openai_replay_guard", init=False)

    def request(self, flow: http.HTTPFlow) -> None:
        """Refuse requests to recorded hosts."""
        if self.settings is None or _is_recorded(flow.request, self.settings):
            flow.response = _refusal(flow.request, "The addon was unloaded; the proxy's log says why.")

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse connections to recorded hosts."""
        if self.settings is None or _leads_to_recorded_host(data.server, self.settings):
            data.server.error = "the addon was unloaded: nothing connects to a recorded host"


class OpenAIReplay:
    """The addon."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._proxy_test_ids: dict[str, str | None] = {}
        self._shared_folder = folder = shared_folder(os.environ)
        self._report = Report() if folder is None else SharedReport(folder)
        self._positions = Positions() if folder is None else SharedPositions(folder)
        self._origin = BreakingOrigin()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openai-replay")
        self._ending: Awaitable[None] | None = None
        self._maybe_index: Index | None = None

    # --- life of the addon ---

    def load(self, loader: Loader) -> None:
        """Register the options, their defaults from the environment."""
        try:
            defaults = default_values(os.environ)
        except BadOption:
            defaults = default_values({})  # `configure` reads the environment, too, and says what is wrong
        for option in OPTIONS:
            default = defaults[option.name]
            typespec: Any = str if isinstance(option.default, str) else Sequence[str]
            loader.add_option(option.name, typespec, default, option.help)
        _relieve_guard()
        skip_unhandled_hooks(ctx.master.addons)
        skip_test_lookup_in_task_names()
        cache_type_checks()

    def configure(self, updated: set[str]) -> None:
        """Check the options; a value that makes no sense ends mitmdump, which exits when an error is logged."""
        if not updated & {option.name for option in OPTIONS}:
            return
        self._settings = None
        try:
            checked = resolve(_given_options(), os.environ)
            _refuse_unrecorded_reverse_proxy(checked)
            if self._shared_folder is not None and checked.mode is not Mode.REPLAY:
                raise BadOption(
                    f"recording_mode={checked.mode.value!r}: expected replay, for one of several workers"
                )
        except BadOption as exc:
            log.error("%s", exc)
            return
        self._open(checked)
        self._settings = checked
        _set_mitmproxy_options(checked)

    def _open(self, checked: Settings) -> None:
        rules = Rules(checked.ignore, checked.redactor)
        index = Index(checked.directory, rules, cache_folder(os.environ))
        if self._maybe_index is not None:
            self._worker.submit(self._maybe_index.close)  # behind what still needs it
        self._maybe_index = index
        self._rules = rules
        self._store = Store(checked.directory, rules, index)
        self._recorder = Recorder(self._store)
        self._replayer = Replayer(self._store, checked.test_match, self._positions, self._on_worker)

    async def _on_worker[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def running(self) -> None:
        """Refuse misspelt option names, which mitmproxy keeps for an addon that may yet come."""
        known = [option.name for option in OPTIONS]
        try:
            refuse_unknown(meant_as_ours(ctx.options.deferred, known), known, "option")
        except BadOption as exc:
            log.error("%s", exc)
            self._settings = None
        if self._shared_folder is not None and self._settings is not None:
            mark_ready(self._shared_folder)

    def done(self) -> Awaitable[None]:
        """Finish what is being written, and write the report.

        A task, not a coroutine: when mitmproxy loads a script again it calls this where it cannot wait, refuses
        coroutines there, and with the refusal ends its watch over the script.
        """
        restore_hook_dispatch(ctx.master.addons)
        ctx.master.addons.add(Guard(self._settings))
        self._origin.close()
        self._ending = asyncio.get_running_loop().create_task(self._end())
        return self._ending

    async def _end(self) -> None:
        if self._settings is not None:
            await self._on_worker(lambda: None)  # behind all that is still to be written
        if self._settings is not None and self._settings.report is not None:
            await self._write_report(self._settings.report)
        self._worker.shutdown(wait=True)
        if self._maybe_index is not None:
            self._maybe_index.close()

    async def _write_report(self, path: Path) -> None:
        try:
            path.write_bytes(dump_json(await self._reported(control.Scope())))
        except (OSError, OpenAIReplayError) as exc:
            log.error("The report could not be written to %s: %s", path, exc)

    # --- connections ---

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Read the test id in the user name of the proxy's URL, which comes with CONNECT; let tunnels to us open."""
        value = flow.request.headers.get("proxy-authorization")
        if value is not None and not _asks_for_passwords():
            self._proxy_test_ids[flow.client_conn.id] = scope.from_proxy_authorization(value)
        if flow.request.host == control.HOST:
            # Clients may tunnel plain HTTP as well; an answer of ours keeps mitmproxy from connecting first.
            flow.response = http.Response.make(200)
            del flow.response.headers["content-length"]

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """Say that the API could not be reached, when that already shows at CONNECT."""
        if self._settings is None or not _is_recorded(flow.request, self._settings):
            return
        what = f"CONNECT {flow.request.host}:{flow.request.port}"
        why = f"the API was not reached, {flow.server_conn.error or 'the connection failed'}"
        log.error("Not recorded: %s: %s", what, why)
        self._report.add_not_recorded(self._proxy_test_ids.get(flow.client_conn.id), what, why)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the connection."""
        self._proxy_test_ids.pop(client.id, None)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse connections to recorded hosts in replay, however mitmproxy came to want one."""
        # Refused until it is known to be allowed: after an exception in a hook mitmproxy connects.
        data.server.error = "the addon failed; the proxy's log says why"
        data.server.error = self._refusal_to_connect(data.server, data.client)

    def _refusal_to_connect(self, server: connection.Server, client: connection.Client) -> str | None:
        """Return why a connection must not be opened, None when it may."""
        if server.address == (ORIGIN_HOST, self._origin.port):
            return None
        if server.address is not None and server.address[0] == control.HOST:
            return f"{control.HOST} is the proxy itself, over plain HTTP"
        if self._settings is None:
            return "the addon did not start: nothing connects"
        # What a decrypted client wants of a recorded host may lead through a proxy of another name.
        wants_recorded_host = self._settings.is_recorded(client.sni or "", 443)
        leads_there = wants_recorded_host or _leads_to_recorded_host(server, self._settings)
        if self._settings.mode is Mode.REPLAY and leads_there:
            return "replay never connects to a recorded host"
        return None

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Say what to do about a client that does not trust the proxy's certificate."""
        host = data.conn.sni or ""
        if self._settings is not None and self._settings.is_recorded(host, 443):
            log.warning(
                "A client ended the TLS handshake for %s: it probably does not trust the proxy's certificate. "
                "Point SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, CURL_CA_BUNDLE or its trust store at "
                "%s (see the README), or use the base URL, which needs no certificate.",
                host,
                Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem",
            )

    # --- requests ---

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Take the test id off a request, and let uploads that are recorded pass as they come."""
        if self._settings is None:
            return
        request = flow.request
        prefix, path = (None, request.path)
        if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode):
            prefix, path = scope.split_path(request.path)
        if request.host == control.HOST or prefix == "":
            flow.metadata[_STATE] = FlowState(None, (), is_control=True, control_target=path)
            return
        if not _is_recorded(request, self._settings):
            return
        if prefix is not None:
            request.path = path
        own_headers = _OWN_HEADERS & _header_names(request)
        credentials = credentials_of(request.headers.items(multi=True))
        flow.metadata[_STATE] = state = FlowState(self._test_id(flow, own_headers, prefix), credentials)
        for name in own_headers:
            del request.headers[name]
        self._let_upload_pass(flow, state)

    def _test_id(self, flow: http.HTTPFlow, own_headers: set[str], prefix: str | None) -> str | None:
        assert self._settings is not None
        headers = flow.request.headers
        if scope.HEADER in own_headers and (of_header := scope.from_header(headers[scope.HEADER])):
            return of_header
        if of_connection := self._proxy_test_ids.get(flow.client_conn.id):
            return of_connection
        if _PROXY_AUTHORIZATION in own_headers and not _asks_for_passwords():
            of_request = scope.from_proxy_authorization(headers[_PROXY_AUTHORIZATION])
            if of_request:
                return of_request
        return prefix or self._settings.test_id

    def _let_upload_pass(self, flow: http.HTTPFlow, state: FlowState) -> None:
        """Stream a form while recording, so that memory does not grow with it; all else is needed whole to match."""
        assert self._settings is not None
        flow.request.stream = self._settings.mode is Mode.LIVE
        if self._settings.mode is not Mode.RECORD:
            return
        boundary = boundary_of(flow.request.headers.get("content-type", ""))
        if boundary is None:
            return
        upload = MultipartParser(boundary)

        def look_on(data: bytes) -> bytes:
            try:
                if state.is_upload_described:
                    upload.feed(data)
            except Exception:  # whatever it is, it must not reach the client
                state.is_upload_described = False
                log.exception("An upload could not be described; it is not recorded")
            return data

        state.upload = upload
        flow.request.stream = look_on

    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer from the recordings, or take note of a request that is to be recorded."""
        state: FlowState | None = flow.metadata.get(_STATE)
        if self._settings is None:
            flow.response = _refusal(flow.request, "The addon did not start; the proxy's log says why.")
        elif state is not None and state.is_control:
            flow.response = _own_answer(await self._asked_of_proxy(flow.request.method, state.control_target))
        elif state is not None or _is_recorded(flow.request, self._settings):
            await self._recorded_request(flow, state or FlowState(None, ()))

    async def _recorded_request(self, flow: http.HTTPFlow, state: FlowState) -> None:
        assert self._settings is not None
        mode = self._settings.mode
        if mode is Mode.LIVE:
            return
        if mode is Mode.REPLAY:
            try:
                flow.response = await self._replayed(flow, state) or await self._missed(flow, state)
            except BaseException:
                flow.response = _refusal(flow.request, "The replay failed; the proxy's log says why.")
                raise
        elif _is_websocket(flow.request):
            log.warning("A WebSocket to %s passes through and is not recorded.", flow.request.pretty_host)
        elif not state.is_upload_described:
            return
        elif mode is Mode.RECORD or not await self._replay_earlier(flow, state):
            state.ticket = self._recorder.ask(self._describe(flow, state))

    async def _replay_earlier(self, flow: http.HTTPFlow, state: FlowState) -> bool:
        """Answer a request that had a recording when the run began; False if it had none."""
        if self._recorder.has_recorded(self._describe(flow, state)):
            return False
        flow.response = await self._replayed(flow, state, but=self._recorder.written())
        return flow.response is not None or state.is_from_origin

    async def _replayed(
        self, flow: http.HTTPFlow, state: FlowState, *, but: frozenset[Path] = frozenset()
    ) -> http.Response | None:
        """Return the recorded answer, from other files than some; None when there is none."""
        if _is_websocket(flow.request):
            return None  # a recording of the same GET is no conversation
        try:
            describe = partial(self._describe, flow, state)
            answer = await self._replayer.answer(_fingerprint(flow.request, state), describe, but=but)
        except BadRecording as exc:
            return self._unreadable(flow, state, exc)
        if answer is None:
            return None
        self._report.add_replayed(state.test_id, self._name_of(answer.path))
        if answer.is_broken:
            await self._send_by_origin(flow, state, answer)
            return None
        return _response(answer, flow.request)

    def _name_of(self, path: Path) -> str:
        return path.as_posix().removeprefix(f"{self._store.directory.as_posix()}/")

    async def _send_by_origin(self, flow: http.HTTPFlow, state: FlowState, answer: Answer) -> None:
        """Redirect a request to the origin that breaks its answer off where the recorded one broke."""
        path = await self._origin.prepare(answer)
        state.is_from_origin = True
        flow.response = None
        request = flow.request
        request.method, request.content = "GET", None
        request.scheme, request.host, request.port = "http", ORIGIN_HOST, self._origin.port or 0
        request.path = path
        flow.server_conn.via = None

    async def _missed(self, flow: http.HTTPFlow, state: FlowState) -> http.Response | None:
        if state.is_from_origin:
            return None
        described = self._describe(flow, state)
        found = await self._on_worker(partial(miss.find_miss, self._store, described))
        self._report.add_miss(found)
        log.warning("%s", found.explanation())
        return _refusal(flow.request, found.summary(), code="recording_not_found")

    def _unreadable(self, flow: http.HTTPFlow, state: FlowState, exc: BadRecording) -> http.Response:
        log.error("A recording cannot be replayed: %s", exc)
        name = exc.path.name
        described = self._describe(flow, state)
        details: dict[str, JSON] = {
            "method": described.method,
            "endpoint": described.endpoint(),
            "request": described.name(),
            "unreadable": str(exc),
        }
        self._report.add_missed(state.test_id, described.name(), details)
        return _refusal(
            flow.request,
            f"The recording {name} cannot be read; the proxy's log says where.",
            code="recording_unreadable",
        )

    def _describe(self, flow: http.HTTPFlow, state: FlowState) -> ApiRequest:
        """Return a request as matching sees it, its secrets taken out."""
        assert self._settings is not None
        request = flow.request
        redactor = self._rules.redactor
        if state.upload is not None:
            body = state.upload.result() or opaque_body(b"")
        else:
            content = request.get_content(strict=False) or b""
            body = parse_body(content, request.headers.get("content-type", ""))
        url = redactor.text(_url(request, self._settings), state.credentials)
        return describe(
            request.method, url, redactor.json(body, state.credentials), state.test_id, self._rules
        )

    # --- responses ---

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let a response pass as it comes, and look on if it is recorded."""
        state: FlowState | None = flow.metadata.get(_STATE)
        if state is None or flow.response is None or state.is_control or flow.response.status_code == 101:
            return
        if state.ticket is not None:
            state.tap = Tap()
            flow.response.stream = state.tap
        elif state.is_from_origin or (self._settings is not None and self._settings.mode is Mode.LIVE):
            flow.response.stream = True

    async def response(self, flow: http.HTTPFlow) -> None:
        """Record an exchange that is complete."""
        pending = self._finish(flow, End.COMPLETE, "")
        if pending is not None:
            await asyncio.wait([asyncio.wrap_future(pending)], timeout=_LONGEST_WAIT_FOR_FILE_S)

    def error(self, flow: http.HTTPFlow) -> None:
        """Record an exchange that broke off, if there is anything of it."""
        message = flow.error.msg if flow.error is not None else ""
        self._finish(
            flow, End.LEFT_BY_CLIENT if _client_left(flow, message) else End.CUT_BY_UPSTREAM, message
        )

    def _finish(self, flow: http.HTTPFlow, end: End, message: str) -> Future[None] | None:
        """Hand an exchange to the thread that records it; None if it is not recorded."""
        state: FlowState | None = flow.metadata.get(_STATE)
        if state is None or state.ticket is None:
            return None
        ticket, state.ticket = state.ticket, None
        self._recorder.end(ticket)
        if flow.response is None or flow.response.status_code == 101 or state.tap is None:
            if flow.response is None:
                self._not_recorded(ticket.api_request, f"the API was not reached, {message}")
            self._submit(partial(self._recorder.drop, ticket))
            return None
        exchange = Exchange(
            ticket.api_request,
            flow.response.status_code,
            tuple(flow.response.headers.items(multi=True)),
            Body(state.tap, flow.response.headers.get("content-encoding", "")),
            End.COMPLETE if _has_all_bytes(flow.response, state.tap) else end,
            message,
            state.credentials,
        )
        return self._submit(partial(self._write, ticket, exchange, state.tap, asyncio.get_running_loop()))

    def _submit(self, work: Callable[[], None]) -> Future[None] | None:
        try:
            return self._worker.submit(work)
        except RuntimeError:  # the proxy is ending, and its thread with it
            log.error("An exchange that ended after the proxy began to end is not recorded.")
            return None

    def _write(self, ticket: Ticket, exchange: Exchange, tap: Tap, loop: asyncio.AbstractEventLoop) -> None:
        """Write a recording, on the worker's thread; whatever goes wrong costs the recording and a line in the log.

        The report belongs to the loop's thread.
        """

        def not_recorded(why: str) -> None:
            loop.call_soon_threadsafe(self._not_recorded, ticket.api_request, why)

        try:
            if tap.problem:
                self._recorder.drop(ticket)
                not_recorded(tap.problem)
                return
            path = self._recorder.finish(ticket, exchange)
            if path is not None:
                test_id = ticket.api_request.test_id
                loop.call_soon_threadsafe(self._report.add_recorded, test_id, self._name_of(path))
        except (OpenAIReplayError, OSError) as exc:
            not_recorded(str(exc))
        except Exception as exc:
            log.exception("A bug of this addon")
            self._recorder.drop(ticket)
            not_recorded(f"{type(exc).__name__}: {exc}")
        finally:
            tap.close()

    def _not_recorded(self, described: ApiRequest, why: str) -> None:
        what = f"{described.method} {described.endpoint()}"
        log.error("Not recorded: %s (request %s): %s", what, described.name()[:12], why)
        self._report.add_not_recorded(described.test_id, what, why)

    # --- the proxy itself ---

    async def _asked_of_proxy(self, method: str, target: str) -> tuple[int, bytes]:
        command = control.command(method, target)
        if command.name == "reset":
            await self._reset(command.scope)
        reported = await self._reported(command.scope) if command.name == "report" else None
        return command.status, control.body(command, reported)

    async def _reset(self, scope: control.Scope) -> None:
        # On the worker's thread, so that what is being written belongs to the run that ends.
        await self._on_worker(partial(self._recorder.reset, scope.test_id, all_tests=scope.all_tests))
        self._positions.reset(scope.test_id, all_tests=scope.all_tests)
        self._report.reset(scope.test_id, all_tests=scope.all_tests)

    async def _reported(self, scope: control.Scope) -> JSON:
        assert self._settings is not None
        paths = await self._on_worker(self._store.index.paths)
        mode = self._settings.mode.value
        return self._report.to_json(mode, paths, scope.test_id, all_tests=scope.all_tests)


def _given_options() -> dict[str, Any]:
    """Return the options that the command line, a configuration file or a script has set, be it to their defaults."""
    registered = ctx.options._options
    return {
        option.name: registered[option.name].current()
        for option in OPTIONS
        if registered[option.name].value is not optmanager.unset
    }


def _relieve_guard() -> None:
    """Take away the guard that an earlier load of the script left behind."""
    guard = ctx.master.addons.get("openai_replay_guard")
    if guard is not None:
        ctx.master.addons.remove(guard)


def _set_mitmproxy_options(checked: Settings) -> None:
    """Decrypt the recorded hosts alone, and in replay open no connection before there is a request to answer.

    With its defaults mitmproxy connects upstream at CONNECT, so that without a network every request fails.
    """
    changes: dict[str, Any] = {}
    if checked.mode in (Mode.REPLAY, Mode.RECORD_IF_MISSING):
        changes |= {"connection_strategy": "lazy", "upstream_cert": False}
    if not ctx.options.allow_hosts and not ctx.options.ignore_hosts:
        changes["allow_hosts"] = [pattern.authority_regex() for pattern in checked.hosts] + [
            f"^{control.HOST}:"
        ]
    ctx.options.update(**changes)


def _refuse_unrecorded_reverse_proxy(checked: Settings) -> None:
    for text in ctx.options.mode:
        mode = mode_specs.ProxyMode.parse(text)
        if isinstance(mode, mode_specs.ReverseMode) and not checked.is_recorded(*mode.address):
            host, port = mode.address
            raise BadOption(
                f"mode={text}: {host}:{port} is none of recording_hosts ({', '.join(h.text for h in checked.hosts)}), "
                f"so nothing would be recorded or replayed: add --set recording_hosts={host}:{port}"
            )


def _is_recorded(request: http.Request, checked: Settings) -> bool:
    """Tell whether a request goes to a recorded host. Reading what it says of itself costs far more than a look."""
    return checked.is_recorded(request.host, request.port) or _recorded_host(request, checked) is not None


def _recorded_host(request: http.Request, checked: Settings) -> str | None:
    """Return the recorded host that a request goes to, by its address or by what it says of itself."""
    for host in (request.pretty_host, request.host):
        if checked.is_recorded(host, request.port):
            return host
    return None


def _leads_to_recorded_host(server: connection.Server, checked: Settings) -> bool:
    if server.address is None:
        return False
    host, port = server.address[:2]
    return checked.is_recorded(host, port) or checked.is_recorded(server.sni or "", port)


def _url(request: http.Request, checked: Settings) -> str:
    host = _recorded_host(request, checked) or request.host
    if ":" in host:
        host = f"[{host}]"
    default_port = {"https": 443, "http": 80}.get(request.scheme)
    port = "" if request.port == default_port else f":{request.port}"
    return f"{request.scheme}://{host}{port}{request.path}"


def _fingerprint(request: http.Request, state: FlowState) -> bytes:
    """Return what is the same for two requests that are the same to the byte."""
    data = request.data
    described = (
        (data.method, data.scheme, data.authority, data.host, data.port, data.path),
        [field for field in data.headers.fields if field[0].lower() in _DESCRIBING_HEADERS],
        (state.test_id, state.credentials),
    )
    digest = hashlib.blake2b(repr(described).encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(data.content or b"")
    return digest.digest()


def _header_names(request: http.Request) -> set[str]:
    """Return the names in lower case; to look one up in mitmproxy's headers costs as much as all of this."""
    return {name.lower().decode("latin-1") for name, _ in request.headers.fields}


def _asks_for_passwords() -> bool:
    """Tell whether mitmproxy itself uses the credentials in the proxy's URL, so that they are no test id."""
    return "proxyauth" in ctx.options and bool(ctx.options.proxyauth)


def _is_websocket(request: http.Request) -> bool:
    upgrade: str = request.headers.get("upgrade", "")
    return upgrade.lower() == "websocket"


def _has_all_bytes(response: http.Response, tap: Tap) -> bool:
    """Tell whether as many bytes passed as were announced; a client that counts may leave before the end is told."""
    return bool(response.headers.get("content-length", "") == str(tap.size))


def _client_left(flow: http.HTTPFlow, message: str) -> bool:
    if message.startswith("Client disconnected"):
        return True
    if message.startswith("stream reset by client"):
        return _reset_by_client(flow, message)
    return flow.client_conn.state is not connection.ConnectionState.OPEN


def _reset_by_client(flow: http.HTTPFlow, message: str) -> bool:
    """Tell whose reset of an HTTP/2 stream this was: mitmproxy says "by client" of both sides."""
    if flow.client_conn.alpn != b"h2" or flow.server_conn.alpn != b"h2":
        return flow.client_conn.alpn == b"h2"
    # Over HTTP/2 on both sides the reason tells: a client gives up with CANCEL (RFC 9113, section 7).
    return message.endswith(("(CANCEL)", "(NO_ERROR)"))


_RESPONSE = http.Response.make()


def _response(answer: Answer, request: http.Request) -> http.Response:
    """Return an answer as mitmproxy sends it: whole."""
    content = b"" if request.method == "HEAD" else b"".join(answer.pieces)
    # A copy, for what makes responses checks the type of each member: a thirtieth of the time of a whole request.
    response = copy(_RESPONSE)
    response.data = data = copy(_RESPONSE.data)
    data.status_code = answer.status
    data.reason = status_codes.RESPONSES.get(answer.status, "").encode()
    data.headers = http.Headers([*_header_bytes(answer.headers), (b"content-length", b"%d" % len(content))])
    data.content = content
    data.timestamp_start = data.timestamp_end = time.time()
    return response


def _header_bytes(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in headers]


def _refusal(request: http.Request, message: str, *, code: str = "recording_unavailable") -> http.Response:
    """Return an error of ours, with what keeps clients from trying again."""
    content = miss.error_body(message, code, request.headers.get("user-agent", ""))
    headers = (("content-type", "application/json"), ("x-should-retry", "false"))
    return http.Response.make(
        miss.STATUS, b"" if request.method == "HEAD" else content, _header_bytes(headers)
    )


def _own_answer(answer: tuple[int, bytes]) -> http.Response:
    status, content = answer
    return http.Response.make(status, content, _header_bytes((("content-type", "application/json"),)))
