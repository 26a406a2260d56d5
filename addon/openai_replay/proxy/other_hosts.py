"""Hosts that are not recorded: refuse them with `recording_other_hosts=refuse`, and point out real model APIs.

In replay a tunnel to another model API means that a test quietly talks to it, and pays.
"""

from __future__ import annotations

import logging
import re

from mitmproxy import connection, http
from mitmproxy.proxy import mode_specs

from ..front_end import FrontEnd
from ..options import Mode, OtherHosts, Settings
from ..report import Report
from ..service.answering import Refusal

log = logging.getLogger(__name__)

# OpenAI's own other hosts, Azure, Google, Amazon, and the compatible hosts that clients are pointed at most often.
_KNOWN_APIS = re.compile(
    r"(?:.+\.)?(?:api\.openai\.com|chatgpt\.com|openai\.azure\.(?:com|us|cn)|cognitiveservices\.azure\.(?:com|us)"
    r"|services\.ai\.azure\.com|inference\.ai\.azure\.com|models\.github\.ai|openrouter\.ai|api\.anthropic\.com|api\.groq\.com|api\.mistral\.ai"
    r"|generativelanguage\.googleapis\.com|aiplatform\.googleapis\.com|api\.deepseek\.com|api\.x\.ai|api\.cohere\.(?:com|ai)"
    r"|api\.together\.(?:xyz|ai)|api\.fireworks\.ai|api\.perplexity\.ai|api\.cerebras\.ai|(?:router|api-inference)\.huggingface\.co"
    r"|api\.moonshot\.(?:ai|cn)|api\.minimax\.io|api\.z\.ai|open\.bigmodel\.cn|dashscope(?:-intl)?\.aliyuncs\.com"
    r"|integrate\.api\.nvidia\.com|api\.deepinfra\.com|api\.sambanova\.ai|api\.replicate\.com|api\.githubcopilot\.com"
    r"|ai-gateway\.vercel\.sh|gateway\.ai\.cloudflare\.com)"
    r"|[\w-]+-aiplatform\.googleapis\.com|bedrock(?:-runtime|-mantle)?[\w.-]*\.amazonaws\.com",
    re.IGNORECASE,
)

_KNOWN_PATHS = ("/chat/completions", "/responses")

# Modes of mitmproxy in which each connection belongs to a request or a CONNECT.
_MODES_WITH_REQUESTS = (mode_specs.RegularMode, mode_specs.UpstreamMode, mode_specs.ReverseMode)

# Hosts that are named one by one in the log of a run.
_MOST_NAMED = 100


def is_known_api(host: str) -> bool:
    """Tell whether a host is a public model API."""
    return _KNOWN_APIS.fullmatch(host.rstrip(".")) is not None


class OtherHostWatch:
    """Logs once for each host that is not recorded how it is treated, where that matters."""

    def __init__(self, report: Report, front_end: FrontEnd) -> None:
        self._report = report
        self._front_end = front_end
        self._named: set[str] = set()

    def refusal(self, host: str, settings: Settings) -> str:
        """Return why a connection to another host is refused, "" if it is not."""
        if settings.other_hosts is not OtherHosts.REFUSE:
            return ""
        reason = f"{host} is none of recording_hosts, and recording_other_hosts=refuse"
        if self._is_new(host):
            log.warning("Refused: %s", reason)
        return reason

    def connected(self, host: str, settings: Settings) -> None:
        """Point out a tunnel to a known API in replay."""
        if settings.mode is Mode.REPLAY and is_known_api(host):
            self._point_out(host)

    def opened(self, client: connection.Client, host: str, settings: Settings) -> None:
        """Point out a connection to a known API whose host no request and no CONNECT named: by SOCKS, say."""
        if not isinstance(client.proxy_mode, _MODES_WITH_REQUESTS):
            self.connected(client.sni or host, settings)

    def requested(self, request: http.Request, settings: Settings) -> None:
        """Point out a plain request to an API in replay, known by its host or its path."""
        path = request.path.partition("?")[0].rstrip("/")
        if settings.mode is Mode.REPLAY and (path.endswith(_KNOWN_PATHS) or is_known_api(request.host)):
            self._point_out(request.host)

    def _point_out(self, host: str) -> None:
        self._report.add_other_api(host)
        if self._is_new(host):
            log.warning(
                "%s is not recorded: a request went to the real API in replay. Add it with %s, or refuse all such "
                "hosts with %s.",
                host,
                self._front_end.option("recording_hosts", f"+{host}"),
                self._front_end.option("recording_other_hosts", "refuse"),
            )

    def _is_new(self, host: str) -> bool:
        is_new = host not in self._named and len(self._named) < _MOST_NAMED
        if is_new:
            self._named.add(host)
        return is_new


def refusal_response(reason: str) -> Refusal:
    """Return the answer to a request or a CONNECT to a refused host."""
    return Refusal(f"{reason}.", "host_refused", 403)
