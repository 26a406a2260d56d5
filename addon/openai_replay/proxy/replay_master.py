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
import sys
from collections.abc import Callable, Container, Iterator
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

from ..replay.shared_run import shared_folder
from .companion import ANNOUNCE_FD
from .shortcuts.authority_key import AUTHORITY_KEY, read_authority_without_check
from .shortcuts.converted_certificates import CONVERTED_CERTIFICATES, convert_certificates_once
from .shortcuts.elliptic_certificates import ELLIPTIC_CERTIFICATES, EllipticTlsConfig
from .shortcuts.guarded import Shortcut, Undo, apply
from .shortcuts.header_blocks import HEADER_BLOCKS, remember_header_blocks
from .shortcuts.hook_dispatch import HANDLER_TABLE, Addons
from .shortcuts.hooks_in_place import HOOKS_IN_PLACE, call_hooks_in_place
from .shortcuts.joined_writes import JOINED_WRITES, join_writes
from .shortcuts.log_events import LOG_EVENTS, format_log_lines_once
from .shortcuts.reads_in_place import READS_IN_PLACE, read_in_place
from .shortcuts.shared_port import REVERSE_WITHOUT_UDP, listen_with_others, listen_without_udp
from .start_errors import fail_start

log = logging.getLogger(__name__)

# Turns of the event loop after which the scripts of the command line are loaded; mitmproxy loads them in tasks. One
# turn starts such a task, which then waits for the next one.
_TURNS_TO_LOAD_SCRIPTS = 3

# mitmproxy's manager of addons carries no annotations.
# mypy: allow-untyped-calls


class ReplayMaster(Master):
    """mitmproxy's master with the addons that relay and decrypt."""

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts, with_termlog=True)
        self._undo: list[Undo] = apply([(AUTHORITY_KEY, read_authority_without_check)])
        if shared_folder(os.environ) is not None:
            self._undo += [listen_with_others(), *apply([(REVERSE_WITHOUT_UDP, listen_without_udp)])]
        termlog = self.addons.get("termlog")
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
            _EllipticTlsConfig() if ELLIPTIC_CERTIFICATES.is_possible() else _TlsConfig(),
            upstream_auth.UpstreamAuth(),
            update_alt_svc.UpdateAltSvc(),
            _ErrorCheck(),
        )
        self._undo += apply(self._shortcuts())
        if LOG_EVENTS.is_possible():
            format_log_lines_once(self)

    def _shortcuts(self) -> Iterator[tuple[Shortcut, Callable[[], Undo]]]:
        yield JOINED_WRITES, join_writes
        yield READS_IN_PLACE, read_in_place
        yield HEADER_BLOCKS, remember_header_blocks
        yield CONVERTED_CERTIFICATES, convert_certificates_once
        if isinstance(self.addons, Addons):
            yield HOOKS_IN_PLACE, partial(call_hooks_in_place, self.addons)

    async def done(self) -> None:
        """End the addons, and put back the replaced internals."""
        await super().done()
        for undo in self._undo:
            undo()


class _ErrorCheck(errorcheck.ErrorCheck):
    """mitmproxy's addon, which waits for the scripts and adds no line, so that the log ends with the reason."""

    name = "errorcheck"  # the addon and its scripts look it up by this name

    async def shutdown_if_errored(self) -> None:
        """End the process if an error has been logged."""
        for _ in range(_TURNS_TO_LOAD_SCRIPTS):
            await asyncio.sleep(0)
        if self.logger.has_errored:
            sys.exit(1)


class _TlsConfig(tlsconfig.TlsConfig):
    """mitmproxy's addon, whose start ends with one line in place of a traceback if its folder cannot be written."""

    name = "tlsconfig"  # mitmproxy and other addons look it up by this name

    def configure(self, updated: Container[str]) -> None:
        """Read the options."""
        try:
            super().configure(updated)
        except OSError as exc:
            fail_start(
                f"confdir={ctx.options.confdir}: expected a folder for the certificate authority that can be "
                f"written, {exc.strerror}: set HOME, or --set confdir=FOLDER"
            )


class _EllipticTlsConfig(_TlsConfig, EllipticTlsConfig):
    """The same with ECDSA keys."""


def _authentication() -> Iterator[object]:
    """Yield mitmproxy's addon for passwords, except for the proxy of `openai-replay run`: it would start later."""
    if ANNOUNCE_FD not in os.environ:
        from mitmproxy.addons import proxyauth

        yield proxyauth.ProxyAuth()
