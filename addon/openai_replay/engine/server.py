"""Run the engine on uvicorn: check the options, listen, say so, and end in order at a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Sequence

from ..errors import BadOption
from ..front_end import FrontEnd
from ..options import Settings, WebSocketPolicy
from ..replay.shared_run import mark_ready, shared_folder
from ..service.ending_signals import ending_signals
from ..service.garbage_collection import collect_garbage_rarely
from ..service.log_gate import LogGate
from ..service.service import Run, Service
from ..service.workers import end_without_port, refuse_taken, run_workers, split_workers
from ..store.watch import watch
from .application import Application
from .command_line import CommandLine, Target, checked, parse, target
from .sockets import listening_socket

log = logging.getLogger(__name__)

FAILED_TO_START = 1

_WORKER = (sys.executable, "-P", "-m", "openai_replay.engine")

_MISSING_EXTRA = (
    "openai-replay: error: --engine uvicorn needs packages that are not installed: "
    "in a clone of the project, pip install '.[load]', pipx install --force '.[load]' or "
    "uv tool install --reinstall '.[load]'"
)


def serve(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes; `arguments` are the command line, by default the process's own."""
    workers, others = split_workers(sys.argv[1:] if arguments is None else arguments)
    if workers > 1:
        sys.exit(run_workers(workers, _WORKER, others))
    try:
        command_line = parse(others)
        _log_to_standard_output(command_line)
        api = target(command_line.mode)
        settings = checked(command_line, api, os.environ)
    except BadOption as exc:
        print(FrontEnd.of(os.environ).reworded(str(exc)), flush=True)
        sys.exit(FAILED_TO_START)
    _run(command_line, api, settings)


def _log_to_standard_output(command_line: CommandLine) -> None:
    """Let the log go where mitmdump's goes, in the same form."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_WithTime("%(message)s"))
    logging.basicConfig(level=logging.ERROR if command_line.is_quiet else logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Its messages are about clients that send nonsense; the application tells its errors itself.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    for name in command_line.foreign:
        log.warning("The option %s is none of the addon's, and has no effect on this engine.", name)


class _WithTime(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"[{clock}.{int(record.msecs):03}] {super().format(record)}"


def _run(command_line: CommandLine, api: Target, settings: Settings) -> None:
    try:
        from .uvicorn_server import new_event_loop
    except ImportError:
        print(_MISSING_EXTRA, file=sys.stderr)
        sys.exit(FAILED_TO_START)
    collect_garbage_rarely()
    with _listener(command_line) as listener, asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(command_line, api, settings, listener))


def _listener(command_line: CommandLine) -> socket.socket:
    """Return a socket that listens; end the process with a line where that cannot be."""
    host, port = command_line.host, command_line.port
    if port and shared_folder(os.environ) is None:
        refuse_taken(host, port)
    try:
        return listening_socket(host, port)
    except OSError as exc:
        end_without_port(host, port, exc)


async def _serve(command_line: CommandLine, api: Target, settings: Settings, listener: socket.socket) -> None:
    run = Run.new(os.environ, logs_requests=False)
    LogGate(run.secrets).install()
    folder_watch = watch(settings.directory)
    service = Service.opened(run, settings, os.environ, folder_watch)
    service.announce_terms()
    service.point_out_empty_folder()
    if folder_watch is not None:
        asyncio.get_running_loop().add_reader(folder_watch.fileno(), folder_watch.take_events)
    await _serve_until_signal(service, command_line, api, listener)
    await service.finish()
    service.close()
    run.worker.close()


async def _serve_until_signal(
    service: Service, command_line: CommandLine, api: Target, listener: socket.socket
) -> None:
    from .uvicorn_server import UvicornServer

    def listening() -> None:
        host = f"[{command_line.host}]" if ":" in command_line.host else command_line.host or "*"
        log.info("reverse proxy to %s listening at %s:%d.", api.origin(), host, listener.getsockname()[1])
        if service.run.shared is not None:
            mark_ready(service.run.shared)

    upgrades = service.settings.websocket is not WebSocketPolicy.REFUSE
    application = Application(service, api)
    server = UvicornServer(application, command_line.certificate, listening, upgrades=upgrades)
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, server.stop)
    await server.serve([listener])
