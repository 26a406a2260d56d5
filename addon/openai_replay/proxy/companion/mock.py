"""A script for the proxy of `run --against-mock`: the mock API answers in place of every host, on loopback.

Nothing leaves the machine, and recordings carry the host of the request, such as api.openai.com.
"""

import logging

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from openai_replay.mock import Upstream
from openai_replay.proxy.companion.redirect import Redirect

log = logging.getLogger("openai_replay.mock")


class Mock(Redirect):
    """Starts the mock API with the proxy, ends it with the proxy, and sends each connection to it."""

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
        log.warning(
            "The mock API answers: its texts are made up, no key is needed, nothing leaves this machine."
        )

    def done(self) -> None:
        """End the mock API."""
        self._api.__exit__(None, None, None)


addons = [Mock()]
