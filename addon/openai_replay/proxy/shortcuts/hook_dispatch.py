"""Skip mitmproxy hooks that no addon implements, and look up the handlers of each hook once.

mitmproxy starts a task for each hook, and searches all of some forty addons for handlers each time. After every hook of
a flow it triggers one more, `update`, for the lists of flows in mitmweb and mitmproxy. Together that is 60 % of the
cost of a replayed request.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

from mitmproxy import addonmanager, exceptions, flow, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.master import Master
from mitmproxy.utils import asyncio_utils

from .guarded import Shortcut, Undo

# Its manager of addons carries no annotations, which mypy does not excuse behind `super()`.
# mypy: allow-untyped-calls

type Handler = Callable[..., Any]

# The handlers of a hook that are still to be called.
type Rest = Coroutine[Any, Any, None]

UNHANDLED_HOOKS = Shortcut(
    "unhandled hooks",
    "mitmdump: 24 % of the CPU time of a replayed request by base URL, and 5 % more on a new TLS connection",
    {
        "mitmproxy.addonmanager:AddonManager.handle_lifecycle": "(self, event)",
        "mitmproxy.addonmanager:AddonManager.trigger_event": "(self, event)",
        "mitmproxy.hooks:UpdateHook": "(flows)",
    },
)
TASK_NAMES = Shortcut(
    "names of tasks",
    "mitmdump: 4 % of the CPU time of a replayed request by base URL",
    {"mitmproxy.utils.asyncio_utils:set_task_debug_info": "(task, *, name, client=None)"},
)
HANDLER_TABLE = Shortcut(
    "table of handlers",
    "serve: half of the CPU time of a replayed request, together with its smaller set of addons",
    {
        "mitmproxy.addonmanager:AddonManager.handle_lifecycle": "(self, event)",
        "mitmproxy.addonmanager:AddonManager.trigger_event": "(self, event)",
        "mitmproxy.addonmanager:AddonManager.register": "(self, addon)",
        "mitmproxy.addonmanager:AddonManager.remove": "(self, addon)",
        "mitmproxy.addonmanager:AddonManager._iter_hooks": "(self, addon, event)",
        "mitmproxy.addonmanager:safecall": "()",
        "mitmproxy.hooks:UpdateHook": "(flows)",
    },
)

_UPDATE = hooks.UpdateHook([])

# The manager's method that hands on a hook of a connection or a flow.
_LIFECYCLE = AddonManager.handle_lifecycle.__name__


def skip_unhandled_hooks(manager: AddonManager) -> Undo:
    """Let mitmproxy's AddonManager trigger the hooks of connections and flows only if an addon handles them.

    mitmproxy still calls the handlers itself, so that every addon of a user's mitmdump gets its hooks as before.
    """
    if type(manager) is AddonManager:
        vars(manager)[_LIFECYCLE] = _Lifecycle(manager)
    return lambda: vars(manager).pop(_LIFECYCLE, None)


class _Lifecycle:
    """Stands for a manager's method `handle_lifecycle`."""

    def __init__(self, manager: AddonManager) -> None:
        self._manager = manager
        self._addons: tuple[object, ...] = ()
        self._heard: dict[str, bool] = {}

    async def __call__(self, event: hooks.Hook) -> None:
        if self._is_heard(event.name):
            await self._manager.trigger_event(event)
        if self._is_heard(_UPDATE.name) and isinstance(message := event.args()[0], flow.Flow):
            await self._manager.trigger_event(hooks.UpdateHook([message]))

    def _is_heard(self, name: str) -> bool:
        """Tell whether an addon handles a hook."""
        # Compared each time, so that no addon that comes later is overlooked; it takes a microsecond.
        addons = tuple(self._manager.lookup.values())
        if addons != self._addons:
            self._addons = addons
            self._heard.clear()
        if name not in self._heard:
            self._heard[name] = any(hasattr(addon, name) for addon in addons)
        return self._heard[name]


def skip_test_lookup_in_task_names() -> Undo:
    """Let mitmproxy's tasks, one for each hook, have their names without a look into the environment.

    There it looks for the variable by which pytest tells which of mitmproxy's own tests a task belongs to.
    """
    original = asyncio_utils.set_task_debug_info
    setattr(asyncio_utils, "set_task_debug_info", _set_task_debug_info)  # noqa: B010  # mypy forbids the other
    return lambda: setattr(asyncio_utils, "set_task_debug_info", original)


def _set_task_debug_info(
    task: asyncio.Task[Any], *, name: str, client: tuple[Any, ...] | None = None
) -> None:
    """Set the details of a task that mitmproxy logs when it fails."""
    task.set_name(name)
    setattr(task, "created", time.time())  # noqa: B010
    if client:
        setattr(task, "client", client)  # noqa: B010


class Addons(AddonManager):
    """Hands hooks to the addons that handle them, in mitmproxy's order, without asking all others each time."""

    def __init__(self, master: Master) -> None:
        super().__init__(master)
        self._handlers: dict[str, tuple[Handler, ...]] = {}

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Call the handlers of a hook, and after the hook of a flow the handlers of `update`."""
        await self.trigger_event(event)
        if self._handlers_of(_UPDATE) and isinstance(message := event.args()[0], flow.Flow):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call the handlers of a hook; if one fails, that is logged, and the next is called."""
        rest = self._begin(event)
        if rest is not None:
            await rest

    def begin_lifecycle(self, event: hooks.Hook) -> Rest | None:
        """Do the same as `handle_lifecycle` at once; return the rest if a handler has to be waited for."""
        return self.handle_lifecycle(event) if self._handlers_of(_UPDATE) else self._begin(event)

    def _begin(self, event: hooks.Hook) -> Rest | None:
        handlers = self._handlers_of(event)
        return self._call(iter(handlers), event.args()) if handlers else None

    def _call(self, handlers: Iterator[Handler], arguments: list[Any]) -> Rest | None:
        for handler in handlers:
            try:
                result = handler(*arguments)
            except exceptions.AddonHalt:
                return None
            except Exception:
                with addonmanager.safecall():  # mitmproxy's own words for it
                    raise
            else:
                if result is not None and inspect.isawaitable(result):
                    return self._wait(result, handlers, arguments)
        return None

    async def _wait(self, result: Awaitable[Any], handlers: Iterator[Handler], arguments: list[Any]) -> None:
        """Wait for the result of a handler, and call the handlers after it."""
        try:
            await result
        except exceptions.AddonHalt:
            return
        except Exception:
            with addonmanager.safecall():
                raise
        rest = self._call(handlers, arguments)
        if rest is not None:
            await rest

    def _handlers_of(self, event: hooks.Hook) -> tuple[Handler, ...]:
        handlers = self._handlers.get(event.name)
        if handlers is None:
            handlers = self._handlers[event.name] = tuple(
                handler for addon in self.chain for _, handler in self._iter_hooks(addon, event)
            )
        return handlers

    def register(self, addon: object) -> object:
        """Register an addon, which may be a script that is loaded while the proxy runs."""
        self._handlers.clear()
        return super().register(addon)

    def remove(self, addon: object) -> None:
        """Remove an addon."""
        self._handlers.clear()
        super().remove(addon)
