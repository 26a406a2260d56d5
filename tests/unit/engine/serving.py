"""An application of the engine, and the engine's server around it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openai_replay.engine.application import Application
from openai_replay.engine.command_line import Target
from openai_replay.engine.sockets import listening_socket
from openai_replay.engine.uvicorn_server import UvicornServer, new_event_loop
from openai_replay.options import OPTIONS, settings
from openai_replay.service.service import Run, Service


@contextmanager
def application(folder: Path, **options: object) -> Iterator[Application]:
    """Give an application that answers from a folder, and writes no line for each request."""
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    checked = settings({**values, "recording_dir": str(folder), **options})
    service = Service.opened(Run.new({}, logs_requests=False), checked, {})
    try:
        yield Application(service, Target("https", "api.openai.com", 443))
    finally:
        service.close()
        service.run.worker.close()


def during[T](application: Application, act: Callable[[int], T], *, upgrades: bool = True) -> T:
    """Return the result of an act on the server's port; the server ends behind it."""

    async def main() -> T:
        listener = listening_socket("127.0.0.1", 0)
        port = listener.getsockname()[1]
        listens = asyncio.Event()
        server = UvicornServer(application, None, listens.set, upgrades=upgrades)
        serving = asyncio.ensure_future(server.serve([listener]))
        await listens.wait()
        try:
            return await asyncio.to_thread(act, port)
        finally:
            server.stop()
            await serving

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())
