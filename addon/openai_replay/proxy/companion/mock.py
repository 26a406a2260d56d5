"""A script for the proxy of `run --against-mock`: the mock API answers in place of the recorded hosts, on loopback.

Recordings carry the host of the request, such as api.openai.com. Other hosts are reached as without the mock, except
other model APIs: a trial without a key must not cost money there.
"""

import logging
import os
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from openai_replay.mock import Upstream
from openai_replay.options import OPTIONS
from openai_replay.options_file import resolve
from openai_replay.proxy.companion.redirect import Redirect
from openai_replay.proxy.given_options import given_options
from openai_replay.proxy.other_hosts import is_known_api, refusal_response
from openai_replay.proxy.responses import refused

log = logging.getLogger("openai_replay.mock")


class Mock(Redirect):
    """Starts the mock API with the proxy, ends it with the proxy, and sends connections to recorded hosts to it."""

    def load(self, loader: Loader) -> None:
        """Start the mock API, and trust its certificates."""
        super().load(loader)
        self._api = Upstream(plain=True).__enter__()
        ctx.options.update(
            upstream_port=self._api.port,
            upstream_plain_port=self._api.plain_port,
            ssl_verify_upstream_trusted_ca=str(self._api.ca_file),
        )

    def running(self) -> None:
        """Say that the answers are made up."""
        super().running()
        self._settings = resolve(given_options(option.name for option in OPTIONS), os.environ)
        self._hosts = ", ".join(pattern.text for pattern in self._settings.hosts)
        log.warning("The mock API answers for %s: its texts are made up, and no key is needed.", self._hosts)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuse other model APIs."""
        host, port = flow.request.host, flow.request.port
        if is_known_api(host) and not self._settings.is_recorded(host, port):
            reason = (
                f"the mock stands in for {self._hosts}; {host} is not one of its hosts, see recording_hosts"
            )
            log.warning("Refused: %s", reason)
            flow.response = refused(flow.request, refusal_response(reason))

    def _target(self, host: Any, port: Any) -> tuple[Any, Any]:
        """Return where to connect for a host: to the mock, if the host is recorded."""
        if not self._settings.is_recorded(str(host), port):
            return host, port
        return super()._target(host, port)

    def done(self) -> None:
        """End the mock API."""
        self._api.__exit__(None, None, None)


addons = [Mock()]
