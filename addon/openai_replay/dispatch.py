"""Who handles which of mitmproxy's hooks, and how they get them.

mitmproxy hands each hook to all of some forty addons, and looks each time for who handles it; behind every hook of a
flow comes one more, `update`, for the lists that mitmweb and mitmproxy show. Together that is six tenths of what a
replayed request costs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any

from mitmproxy import addonmanager, exceptions, flow, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.master import Master

# Its manager of addons carries no annotations, which mypy does not excuse behind `super()`.
# mypy: allow-untyped-calls

type Handler = Callable[..., Any]

_UPDATE = hooks.UpdateHook([])

# The manager's method that hands on a hook of a connection or a flow.
_LIFECYCLE = AddonManager.handle_lifecycle.__name__


def leave_out_unheard_updates(manager: AddonManager) -> None:
    """Let a manager of mitmproxy's own trigger `update` only if an addon handles it.

    All else is as it was: in a mitmdump that is the user's, with whatever addons, hooks are handed on by mitmproxy.
    """
    if type(manager) is AddonManager:
        vars(manager)[_LIFECYCLE] = MethodType(_handle_lifecycle, manager)


def announce_updates_again(manager: AddonManager) -> None:
    """Take back what `leave_out_unheard_updates` did."""
    vars(manager).pop(_LIFECYCLE, None)


async def _handle_lifecycle(manager: AddonManager, event: hooks.Hook) -> None:
    # Looked for each time, so that no addon that comes later is overlooked; it takes a hundredth of what it saves.
    if any(hasattr(addon, _UPDATE.name) for addon in manager.lookup.values()):
        await AddonManager.handle_lifecycle(manager, event)
    else:
        await manager.trigger_event(event)


class Addons(AddonManager):
    """Hands hooks to the addons that handle them, in mitmproxy's order, without asking all others each time."""

    def __init__(self, master: Master) -> None:
        super().__init__(master)
        self._handlers: dict[str, tuple[Handler, ...]] = {}

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Call the handlers of a hook, and those of `update` after the hook of a flow."""
        await self.trigger_event(event)
        if self._handlers_of(_UPDATE) and isinstance(message := event.args()[0], flow.Flow):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call the handlers of a hook; one that fails is logged, and does not keep it from the next."""
        handlers = self._handlers_of(event)
        if not handlers:
            return
        arguments = event.args()
        for handler in handlers:
            try:
                result = handler(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except Exception:
                with addonmanager.safecall():  # mitmproxy's own words for it
                    raise

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
