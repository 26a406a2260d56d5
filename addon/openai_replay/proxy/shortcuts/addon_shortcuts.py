"""The shortcuts that the addon takes in any mitmdump, and gives back when it is unloaded."""

from __future__ import annotations

from functools import partial

from mitmproxy.addonmanager import AddonManager

from . import guarded
from .authorities import AUTHORITIES, parse_authorities_once
from .client_hello import CLIENT_HELLO, parse_client_hello_once
from .forked_contexts import FORKED_CONTEXTS, fork_without_server
from .hook_dispatch import TASK_NAMES, UNHANDLED_HOOKS, skip_test_lookup_in_task_names, skip_unhandled_hooks
from .http2_headers import HTTP2_HEADERS, check_headers_once
from .option_reads import OPTION_READS, read_options_without_copies
from .type_checks import TYPE_CHECKS, cache_type_checks
from .websocket_breaks import WEBSOCKET_BREAKS, relay_breaks


def take_shortcuts(manager: AddonManager) -> list[guarded.Undo]:
    """Replace the internals that are as expected; return the functions that put them back, in their order."""
    return guarded.apply(
        (
            (UNHANDLED_HOOKS, partial(skip_unhandled_hooks, manager)),
            (TASK_NAMES, skip_test_lookup_in_task_names),
            (TYPE_CHECKS, cache_type_checks),
            (CLIENT_HELLO, parse_client_hello_once),
            (OPTION_READS, read_options_without_copies),
            (HTTP2_HEADERS, check_headers_once),
            (AUTHORITIES, parse_authorities_once),
            (FORKED_CONTEXTS, fork_without_server),
            (WEBSOCKET_BREAKS, relay_breaks),
        )
    )
