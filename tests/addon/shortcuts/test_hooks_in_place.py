"""`hooks_in_place`: a layer goes on at once after handlers that have finished, and later after the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _hooks as http_hooks
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.test import taddons, tflow
from mitmproxy.utils import asyncio_utils

from openai_replay.proxy.shortcuts.hook_dispatch import Addons
from openai_replay.proxy.shortcuts.hooks_in_place import TopLayer, call_hooks_in_place

# mitmproxy's helpers and its manager of addons carry no annotations.
# mypy: allow-untyped-calls

type Request = Callable[[http.HTTPFlow], Awaitable[None] | None]


class Asking(layer.Layer):
    """A layer that triggers a hook when it starts, and notes when it goes on."""

    def __init__(self, of: context.Context, said: list[str], flow: http.HTTPFlow) -> None:
        super().__init__(of)
        self._said = said
        self._flow = flow

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield http_hooks.HttpRequestHook(self._flow)
            self._said.append("went on")
        else:
            yield from ()
            raise ValueError("a bug of a layer")


class Two(layer.Layer):
    """A layer of two others, the second of which fails."""

    def __init__(self, of: context.Context, first: layer.Layer) -> None:
        super().__init__(of)
        self._first = first

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        yield from self._first.handle_event(event)
        if isinstance(event, events.Start):
            raise ValueError("a bug of a layer")


class Handler(ConnectionHandler):
    """A connection whose hooks must not get here."""

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Fail."""
        raise AssertionError(hook)


class Addon:
    """An addon with one handler."""

    def __init__(self, name: str, request: Request) -> None:
        self.name = name
        self.request = request


class Asked:
    """A connection with a layer that triggers a hook."""

    def __init__(self, *requests: Request, fails: bool = False) -> None:
        self.said: list[str] = []
        self.flow = tflow.tflow()
        self._requests = requests
        self._fails = fails

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Asked]:
        """Let the layer start; at the end nothing may be left that waits."""
        with asyncio_utils.set_eager_task_factory(), taddons.context(proxyserver.Proxyserver()) as master:
            addons = Addons(master.master)
            for number, request in enumerate(self._requests):
                addons.add(Addon(f"addon {number}", request))
            of = context.Context(tflow.tclient_conn(), master.options)
            handler = Handler(of)
            below: layer.Layer = Asking(of, self.said, self.flow)
            vars(handler)["layer"] = TopLayer(Two(of, below) if self._fails else below, handler, addons)
            await handler.server_event(events.Start())
            yield self
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
            master.master._legacy_log_events.uninstall()


def saying(said: list[str], word: str) -> Request:
    """Return a handler that notes a word."""
    return lambda _flow: said.append(word)


async def test_no_handler_is_no_wait() -> None:
    async with Asked().started() as asked:
        assert asked.said == ["went on"]


async def test_a_function_is_called_in_place() -> None:
    said: list[str] = []
    async with Asked(saying(said, "handled")).started() as asked:
        assert (said, asked.said) == (["handled"], ["went on"])


async def test_a_coroutine_that_does_not_wait_ends_in_place() -> None:
    said: list[str] = []

    async def handle(_flow: http.HTTPFlow) -> None:
        said.append("handled")

    async with Asked(handle, saying(said, "the next")).started() as asked:
        assert (said, asked.said) == (["handled", "the next"], ["went on"])


async def test_a_coroutine_that_waits_ends_later() -> None:
    said: list[str] = []
    may_end = asyncio.Event()

    async def handle(_flow: http.HTTPFlow) -> None:
        await may_end.wait()
        said.append("handled")

    async with Asked(handle, saying(said, "the next")).started() as asked:
        assert (said, asked.said) == ([], [])
        may_end.set()
    assert (said, asked.said) == (["handled", "the next"], ["went on"])


async def test_an_intercepted_flow_waits_for_its_person() -> None:
    async with Asked(lambda flow: flow.intercept()).started() as asked:
        assert asked.said == []
        asked.flow.resume()
    assert asked.said == ["went on"]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_failed_handler_is_logged_and_the_next_is_called(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    def fail(_flow: http.HTTPFlow) -> None:
        raise ValueError("a bug of an addon")

    async def fail_later(flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)
        fail(flow)

    async with Asked(fail_later if waits else fail, saying(said, "the next")).started() as asked:
        pass
    assert (said, asked.said) == (["the next"], ["went on"])
    assert [record.getMessage() for record in caplog.records] == ["Addon error: a bug of an addon"]


@pytest.mark.parametrize("waits", [False, True])
async def test_an_addon_may_end_the_row(waits: bool) -> None:
    said: list[str] = []

    def halt(_flow: http.HTTPFlow) -> None:
        raise exceptions.AddonHalt

    async def halt_later(flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)
        halt(flow)

    async with Asked(halt_later if waits else halt, saying(said, "the next")).started() as asked:
        pass
    assert (said, asked.said) == ([], ["went on"])


async def test_a_hook_ends_although_another_layer_fails(caplog: pytest.LogCaptureFixture) -> None:
    async with Asked(fails=True).started() as asked:
        pass
    assert asked.said == ["went on"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "mitmproxy has crashed!"
    ]


async def test_the_internals_are_put_back() -> None:
    before = ConnectionHandler.handle_client
    with taddons.context() as master:
        undo = call_hooks_in_place(Addons(master.master))
        replaced: Any = ConnectionHandler.handle_client
        undo()
    assert replaced is not before
    assert ConnectionHandler.handle_client is before
