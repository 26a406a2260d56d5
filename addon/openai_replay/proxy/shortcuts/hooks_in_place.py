"""Call the handlers of a hook in place, and go on at once, without a task and a turn of the event loop for each hook.

mitmproxy starts a task for each hook of a connection or a flow. When its handlers have finished, the task waits for the
lock of the connection, which the event that triggered the hook still holds. So each of a request's four hooks costs a
task, a future and a turn of the event loop. Here a layer on top of a connection's layers calls the handlers. Only a
hook that has to wait, for a handler or for a person who looks at an intercepted flow, gets its task.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

from mitmproxy import flow
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.utils import asyncio_utils

from .guarded import Shortcut, Undo
from .hook_dispatch import Addons

HOOKS_IN_PLACE = Shortcut(
    "hooks in place",
    "serve: 6 % of the CPU time of a replayed request by base URL, 10 % of a new TLS connection",
    {
        "mitmproxy.proxy.server:ConnectionHandler.handle_client": "(self)",
        "mitmproxy.proxy.server:ConnectionHandler.server_event": "(self, event)",
        "mitmproxy.proxy.server:ConnectionHandler.hook_task": "(self, hook)",
        "mitmproxy.proxy.server:TimeoutWatchdog.disarm": "(self)",
        "mitmproxy.proxy.mode_servers:ProxyConnectionHandler.handle_hook": "(self, hook)",
        "mitmproxy.proxy.layer:Layer.handle_event": "(self, event)",
        "mitmproxy.proxy.events:HookCompleted": "(command, reply=None)",
        "mitmproxy.flow:Flow.wait_for_resume": "(self)",
        "mitmproxy.utils.asyncio_utils:create_task": "(coro, *, name, keep_ref, client=None)",
    },
)

_METHOD = "handle_client"


def call_hooks_in_place(addons: Addons) -> Undo:
    """Let the connections of this process call the handlers of `addons` in place."""
    original = getattr(ConnectionHandler, _METHOD)

    async def handle_client(self: ConnectionHandler) -> None:
        vars(self)["layer"] = TopLayer(self.layer, self, addons)
        await original(self)

    setattr(ConnectionHandler, _METHOD, handle_client)
    return lambda: setattr(ConnectionHandler, _METHOD, original)


class TopLayer:
    """Stands above the layers of a connection: takes their hooks, and passes on all other commands."""

    def __init__(self, below: layer.Layer, handler: ConnectionHandler, addons: Addons) -> None:
        self._below = below
        self._handler = handler
        self._addons = addons
        self._due: deque[events.Event] = deque()
        self._is_running = False

    def handle_event(self, event: events.Event) -> Iterator[commands.Command]:
        """Hand an event to the layers, and after it the ends of the hooks that it triggered."""
        due = self._due
        due.append(event)
        self._is_running = True
        try:
            while due:
                for command in self._below.handle_event(due.popleft()):
                    if isinstance(command, commands.StartHook):
                        self._call(command)
                    else:
                        yield command
        finally:
            self._is_running = False
            if due:  # after an exception, which mitmproxy logs
                self._start(self._handler.server_event(due.popleft()), "remaining events")

    def _call(self, hook: commands.StartHook) -> None:
        """Call the handlers of a hook. The end of the hook is due after the event that triggered it."""
        rest = self._addons.begin_lifecycle(hook)
        data = hook.args()[0]
        if rest is not None or (isinstance(data, flow.Flow) and data.intercepted):
            self._start(self._finish(hook, rest, data), hook.name)
        elif hook.blocking:
            self._due.append(events.HookCompleted(hook))

    async def _finish(self, hook: commands.StartHook, rest: Awaitable[None] | None, data: object) -> None:
        """Wait for the rest of the handlers, and for the person who has intercepted a flow."""
        with self._handler.timeout_watchdog.disarm():
            if rest is not None:
                await rest
            if isinstance(data, flow.Flow):
                await data.wait_for_resume()
        if hook.blocking:
            await self._end(events.HookCompleted(hook))

    async def _end(self, completed: events.HookCompleted) -> None:
        """Hand on the end of a hook: in place if its handlers did not have to wait after all."""
        if self._is_running:
            self._due.append(completed)
        else:
            await self._handler.server_event(completed)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        asyncio_utils.create_task(work, name=name, keep_ref=True, client=self._handler.client.peername)
