"""`addon_shortcuts`: all are taken in a mitmdump, and given back."""

from __future__ import annotations

import asyncio

import h2.stream
import pytest
from mitmproxy import http, optmanager
from mitmproxy.addons import next_layer
from mitmproxy.master import Master
from mitmproxy.net.http import url
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketConnection
from mitmproxy.utils import asyncio_utils

from openai_replay.proxy.shortcuts.addon_shortcuts import take_shortcuts
from openai_replay.proxy.shortcuts.guarded import are_refused


def internals(master: Master) -> list[object]:
    return [
        vars(http.MessageData)["__post_init__"],
        asyncio_utils.set_task_debug_info,
        vars(next_layer)["parse_client_hello"],
        optmanager._Option.current,
        vars(master.addons).get("handle_lifecycle"),
        vars(h2.stream)["validate_headers"],
        url.parse_authority,
        Context.fork,
        WebsocketConnection.send2,
    ]


@pytest.mark.skipif(are_refused(), reason="the shortcuts are refused in this run")
def test_each_internal_is_replaced_and_put_back() -> None:
    async def take_and_give_back() -> None:
        master = Master(Options())
        before = internals(master)
        undo = take_shortcuts(master.addons)
        replaced = internals(master)
        for give_back in undo:
            give_back()
        assert len(undo) == len(before)
        assert not any(one is other for one, other in zip(before, replaced, strict=True))
        assert internals(master) == before
        await master.done()

    asyncio.run(take_and_give_back())
