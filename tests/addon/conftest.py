"""mitmproxy's own test helpers, wrapped once: it promises no stability for them."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import addonmanager, connection, http
from mitmproxy.addons import proxyauth, proxyserver
from mitmproxy.proxy import mode_specs, server_hooks
from mitmproxy.proxy.layers.http import _hooks as http_hooks
from mitmproxy.test import taddons, tflow

from openai_replay.proxy.addon import OpenAIReplay
from openai_replay.proxy.start_errors import AT_THE_END

HOST = "api.openai.com"
HOOKS: dict[str, Any] = {
    "requestheaders": http_hooks.HttpRequestHeadersHook,
    "request": http_hooks.HttpRequestHook,
    "responseheaders": http_hooks.HttpResponseHeadersHook,
    "response": http_hooks.HttpResponseHook,
    "error": http_hooks.HttpErrorHook,
}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests that are coroutines, each in a separate event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@dataclass(frozen=True)
class Loaded:
    """The addon in a master that runs nothing else."""

    addon: OpenAIReplay
    context: Any

    def option(self, name: str) -> Any:
        """Return the value of a mitmproxy option."""
        return getattr(self.context.options, name)

    async def trigger(self, event: Any) -> None:
        """Call a hook as mitmproxy does: an exception is logged, and goes no further."""
        with addonmanager.safecall():
            await self.context.master.addons.invoke_addon(self.addon, event)

    async def ask(self, flow: http.HTTPFlow) -> http.HTTPFlow:
        """Let a request come in."""
        await self.trigger(hook("requestheaders", flow))
        await self.trigger(hook("request", flow))
        return flow

    async def answer(self, flow: http.HTTPFlow, *pieces: bytes, **headers: str) -> list[bytes]:
        """Let an answer to a flow pass to its end, and return the pieces that the client gets."""
        passed = await self.begin_answer(flow, *pieces, **headers)
        await self.trigger(hook("response", flow))
        return passed

    async def begin_answer(self, flow: http.HTTPFlow, *pieces: bytes, **headers: str) -> list[bytes]:
        """Let an answer start with these pieces, and return the pieces that the client gets."""
        sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        flow.response = http.Response.make(200, b"", sent)
        await self.trigger(hook("responseheaders", flow))
        stream = flow.response.stream
        assert callable(stream)
        return [bytes(stream(piece)) for piece in pieces]  # type: ignore[arg-type]  # one bytes in, one out

    async def break_off(self, flow: http.HTTPFlow, message: str) -> None:
        """Let the answer to a flow break off."""
        flow.error = tflow.terr(message)
        await self.trigger(hook("error", flow))

    def refusal_to_connect(
        self, host: str, port: int = 443, *, sni: str | None = None, error: str | None = None
    ) -> str | None:
        """Return why a connection is not opened, None if it is; `error` is mitmproxy's own reason."""
        server = connection.Server(address=(host, port))
        server.sni = sni
        server.error = error
        client = tflow.tclient_conn()
        client.sni = None
        with addonmanager.safecall():
            self.addon.server_connect(server_hooks.ServerConnectionHookData(server, client))
        return server.error


def hook(name: str, flow: http.HTTPFlow) -> Any:
    """Return the event of that hook."""
    return HOOKS[name](flow)


@asynccontextmanager
async def loaded(recording_dir: Path, **options: Any) -> AsyncIterator[Loaded]:
    """Load the addon with its options, and with options of mitmproxy; at the end, let it finish its work."""
    addon = OpenAIReplay()
    with taddons.context(proxyserver.Proxyserver(), proxyauth.ProxyAuth(), addon) as context:
        context.configure(addon, recording_dir=str(recording_dir), **options)
        yield Loaded(addon, context)
        if addon in context.master.addons:
            context.master.addons.remove(addon)
        await asyncio.gather(*unfinished_tasks())
        context.master._legacy_log_events.uninstall()  # it would log to this loop after the loop is closed


def unfinished_tasks() -> list[asyncio.Task[Any]]:
    """Return the other tasks of this loop that end by themselves."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [task for task in others if not task.get_name().startswith(AT_THE_END)]


def request_flow(
    body: Any = None, *, path: str = "/v1/chat/completions", host: str = HOST, mode: str = "", **headers: str
) -> http.HTTPFlow:
    """Return a flow of a request that has just come in, without an answer."""
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    content = b"" if body is None else json.dumps(body).encode()
    request = http.Request.make(
        "GET" if body is None else "POST",
        f"https://{host}{path}",
        content,
        http.Headers([(name.encode(), value.encode()) for name, value in sent]),
    )
    flow = tflow.tflow(req=request)
    flow.response = None
    if mode:
        flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    return flow
