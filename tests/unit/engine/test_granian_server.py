"""`granian_server`: it says that it listens once it does, answers, and ends when it is told to."""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path

from openai_replay.engine.application import Application
from openai_replay.engine.command_line import Target
from openai_replay.engine.granian_server import GranianServer, new_event_loop
from openai_replay.options import OPTIONS, settings
from openai_replay.service.service import Run, Service


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(port: int) -> int:
    """Return the status of the metrics page."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/@/metrics")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_it_listens_when_it_says_so_and_ends_when_told(tmp_path: Path) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    service = Service.opened(Run.new({}), settings({**values, "recording_dir": str(tmp_path)}), {})
    application = Application(service, Target("https", "api.openai.com", 443))

    async def serve_one() -> int:
        listens = asyncio.Event()
        port = free_port()
        server = GranianServer(application, "127.0.0.1", port, None, listens.set)
        serving = asyncio.ensure_future(server.serve())
        await listens.wait()
        status = await asyncio.to_thread(status_of, port)
        server.stop()  # type: ignore[no-untyped-call]  # Granian has no annotations here
        await serving
        return status

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(serve_one()) == 200
    service.close()
    service.run.worker.close()
