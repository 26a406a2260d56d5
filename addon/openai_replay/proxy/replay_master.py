"""mitmproxy's master with only the addons that relay, decrypt, authenticate and load scripts.

Most of the cost of a replayed request in mitmdump is the way of its hooks to some forty addons, see
`shortcuts/hook_dispatch.py`. Here the addons are few, and the handlers of a hook are looked up once.

Command line, configuration, log and scripts are mitmdump's, less the options of the addons that are not here: no
flow is printed, saved, changed or replayed by mitmproxy itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from functools import partial

from mitmproxy import ctx, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons import (
    block,
    core,
    disable_h2c,
    errorcheck,
    next_layer,
    proxyserver,
    script,
    tlsconfig,
    update_alt_svc,
    upstream_auth,
)
from mitmproxy.master import Master
from mitmproxy.proxy import mode_specs

from ..replay.shared_run import shared_folder
from .companion import ANNOUNCE_FD
from .shortcuts.elliptic_certificates import ELLIPTIC_CERTIFICATES, EllipticTlsConfig
from .shortcuts.hook_dispatch import HANDLER_TABLE, Addons
from .start_errors import STOPS_START

log = logging.getLogger(__name__)

# mitmproxy's manager of addons carries no annotations.
# mypy: allow-untyped-calls


class ReplayMaster(Master):
    """mitmproxy's master with the addons that relay and decrypt."""

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts, with_termlog=True)
        if shared_folder(os.environ) is not None:
            _listen_with_others()
            _listen_without_udp()
        termlog = self._termlog_addon
        self.addons = Addons(self) if HANDLER_TABLE.is_possible() else AddonManager(self)
        self.addons.add(
            termlog,
            core.Core(),
            block.Block(),
            disable_h2c.DisableH2C(),
            *_authentication(),
            proxyserver.Proxyserver(),
            script.ScriptLoader(),
            next_layer.NextLayer(),
            _explaining(
                EllipticTlsConfig() if ELLIPTIC_CERTIFICATES.is_possible() else tlsconfig.TlsConfig()
            ),
            upstream_auth.UpstreamAuth(),
            update_alt_svc.UpdateAltSvc(),
            errorcheck.ErrorCheck(),
        )
        # A hook that mitmproxy deprecated, for which it would format every line of the log a second time.
        self._legacy_log_events.uninstall()


def _explaining(tls: tlsconfig.TlsConfig) -> tlsconfig.TlsConfig:
    """Let a folder that cannot be written end the start with one line in place of a traceback."""
    configure = tls.configure

    def explained(updated: set[str]) -> None:
        try:
            configure(updated)
        except OSError as exc:
            log.error(
                "confdir=%s: expected a folder for the certificate authority that can be written, %s: set HOME, or "
                "--set confdir=FOLDER",
                ctx.options.confdir,
                exc.strerror,
                extra=STOPS_START,
            )

    setattr(tls, "configure", explained)  # noqa: B010  # mypy forbids the other
    return tls


def _authentication() -> Iterator[object]:
    """Yield mitmproxy's addon for passwords, except for the proxy of `openai-replay run`: it would start later."""
    if ANNOUNCE_FD not in os.environ:
        from mitmproxy.addons import proxyauth

        yield proxyauth.ProxyAuth()


def _listen_with_others() -> None:
    """Let this process listen on a port that other workers listen on; to be called in its event loop."""
    loop = asyncio.get_running_loop()
    setattr(loop, "create_server", partial(loop.create_server, reuse_port=True))  # noqa: B010  # mypy forbids the other


def _listen_without_udp() -> None:
    """Leave out the UDP port that mitmproxy opens for HTTP/3 in reverse mode: workers cannot share it."""
    prepare = mode_specs.ReverseMode.__post_init__

    def prepare_for_tcp(mode: mode_specs.ReverseMode) -> None:
        prepare(mode)
        if mode.transport_protocol == mode_specs.BOTH:
            mode.transport_protocol = mode_specs.TCP

    setattr(mode_specs.ReverseMode, "__post_init__", prepare_for_tcp)  # noqa: B010  # mypy forbids the other
