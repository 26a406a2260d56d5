"""Which requests and connections belong to a recorded host, and the mitmproxy options that follow from it."""

from __future__ import annotations

import re

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import mode_specs

from ..errors import BadOption
from ..options import Mode, Settings
from ..request.urls import rooted
from ..service import control
from ..service.base_url import refuse_unrecorded
from .reverse_host import ReverseHost


def is_recorded(request: http.Request, checked: Settings) -> bool:
    """Tell whether a request goes to a recorded host. Its address is looked at first: `pretty_host` costs far more."""
    return checked.is_recorded(request.host, request.port) or _recorded_host(request, checked) is not None


def _recorded_host(request: http.Request, checked: Settings) -> str | None:
    """Return the recorded host that a request goes to, by its address or by its Host header."""
    for host in (request.pretty_host, request.host):
        if checked.is_recorded(host, request.port):
            return host
    return None


def leads_to_recorded_host(server: connection.Server, checked: Settings) -> bool:
    """Tell whether a connection upstream would reach a recorded host, by its address or its TLS server name."""
    if server.address is None:
        return False
    host, port = server.address[:2]
    return checked.is_recorded(host, port) or checked.is_recorded(server.sni or "", port)


def url_of(request: http.Request, checked: Settings) -> str:
    """Return the URL of a request, with the name of the recorded host; the scheme's default port is left out."""
    host = _recorded_host(request, checked) or request.host
    if ":" in host:
        host = f"[{host}]"
    default_port = {"https": 443, "http": 80}.get(request.scheme)
    port = "" if request.port == default_port else f":{request.port}"
    return f"{request.scheme}://{host}{port}{rooted(request.path)}"


def is_websocket(request: http.Request) -> bool:
    """Tell whether a request asks to be upgraded to a WebSocket (RFC 6455, section 4.1)."""
    upgrade: str = request.headers.get("upgrade", "")
    return upgrade.lower() == "websocket"


def set_mitmproxy_options(checked: Settings, reverse_host: ReverseHost) -> None:
    """Decrypt the recorded hosts alone, and open no connection before there is a request that needs one.

    With its defaults mitmproxy connects upstream before there is a request. Without a network every request then fails
    in replay, and while recording it fails without an answer, a line in the log or a count.
    """
    changes = {"connection_strategy": "lazy", **reverse_host.options()}
    if checked.mode is not Mode.LIVE:
        changes["upstream_cert"] = False  # else the handshake with the client waits for one with the API
    if not ctx.options.allow_hosts and not ctx.options.ignore_hosts:
        changes["allow_hosts"] = [pattern.authority_regex() for pattern in checked.hosts] + [
            f"^{control.HOST}:"
        ]
    ctx.options.update(**changes)


# mitmproxy's options by which a host passes untouched.
PASSING_OPTIONS = frozenset(("ignore_hosts", "tcp_hosts"))


def refuse_passed_hosts(checked: Settings) -> None:
    """Check that mitmproxy does not let a recorded host pass untouched.

    Raises:
        BadOption: `ignore_hosts` or `tcp_hosts` contradicts `recording_hosts`.
    """
    for option in sorted(PASSING_OPTIONS):
        for expression in getattr(ctx.options, option):
            passed = re.compile(expression, re.IGNORECASE)
            for pattern in checked.hosts:
                if any(passed.search(example) for example in pattern.examples()):
                    raise BadOption(
                        f"{option}={expression!r}: expected no recorded host to pass untouched, it matches "
                        f"{pattern.text} of recording_hosts"
                    )


def refuse_unrecorded_reverse_proxy(checked: Settings) -> None:
    """Check that a reverse proxy leads to a recorded host.

    Raises:
        BadOption: it does not, so nothing would be recorded or replayed.
    """
    for text in ctx.options.mode:
        mode = mode_specs.ProxyMode.parse(text)
        if isinstance(mode, mode_specs.ReverseMode):
            refuse_unrecorded(text, *mode.address, checked)
