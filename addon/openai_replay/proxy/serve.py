"""mitmdump without what this job does not need: `python -m openai_replay.proxy.serve -s addon/replay.py …`.

Most of what a replayed request costs there is the way of its hooks to some forty addons, see
`shortcuts/hook_dispatch.py`. Here are only the addons that relay, decrypt, authenticate and load scripts, and who
handles a hook is looked up once.

Command line, configuration, log and scripts are mitmdump's, less what belongs to the addons that are not here: no
flow is printed, saved, changed or replayed by mitmproxy itself.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence

from mitmproxy import options
from mitmproxy.addons import (
    core,
    disable_h2c,
    errorcheck,
    next_layer,
    proxyauth,
    proxyserver,
    script,
    update_alt_svc,
    upstream_auth,
)
from mitmproxy.master import Master
from mitmproxy.proxy import mode_specs
from mitmproxy.tools import cmdline, main

from ..replay.shared_run import shared_folder
from .shortcuts.elliptic_certificates import EllipticTlsConfig
from .shortcuts.hook_dispatch import Addons
from .workers import listen_with_others, run_workers, split_workers

# mitmproxy's manager of addons carries no annotations.
# mypy: allow-untyped-calls


class ReplayMaster(Master):
    """mitmproxy's master with the addons that relay and decrypt."""

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts, with_termlog=True)
        if shared_folder(os.environ) is not None:
            listen_with_others()
            _listen_without_udp()
        termlog = self._termlog_addon
        self.addons = Addons(self)
        self.addons.add(
            termlog,
            core.Core(),
            disable_h2c.DisableH2C(),
            proxyauth.ProxyAuth(),
            proxyserver.Proxyserver(),
            script.ScriptLoader(),
            next_layer.NextLayer(),
            EllipticTlsConfig(),
            upstream_auth.UpstreamAuth(),
            update_alt_svc.UpdateAltSvc(),
            errorcheck.ErrorCheck(),
        )
        # A hook that mitmproxy deprecated, for which it would format every line of the log a second time.
        self._legacy_log_events.uninstall()


def _listen_without_udp() -> None:
    """Leave out the UDP port that mitmproxy opens for HTTP/3 in reverse mode: workers cannot share it."""
    prepare = mode_specs.ReverseMode.__post_init__

    def prepare_for_tcp(mode: mode_specs.ReverseMode) -> None:
        prepare(mode)
        if mode.transport_protocol == mode_specs.BOTH:
            mode.transport_protocol = mode_specs.TCP

    setattr(mode_specs.ReverseMode, "__post_init__", prepare_for_tcp)  # noqa: B010  # mypy forbids the other


def serve(arguments: Sequence[str] | None = None) -> None:
    """Run the proxy until it is told to end; `arguments` are mitmdump's, those of the process by default.

    `--workers N` besides runs N of them on one port.
    """
    workers, others = split_workers(sys.argv[1:] if arguments is None else arguments)
    sys.argv[0] = "openai-replay serve"  # as which mitmproxy tells of options that it does not know
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the log, which somebody may follow in a file
    if workers > 1:
        sys.exit(run_workers(workers, others))
    # Each connection that opens and closes is nothing that one wants to read, or to pay for.
    logging.getLogger("mitmproxy.proxy.server").setLevel(logging.WARNING)
    main.run(ReplayMaster, cmdline.mitmdump, others)


if __name__ == "__main__":
    serve()
