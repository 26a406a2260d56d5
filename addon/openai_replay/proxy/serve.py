"""mitmdump without the parts that this job does not need: `python -m openai_replay.proxy.serve -s addon/replay.py …`.

Command line, configuration, log and scripts are mitmdump's, less the options of addons that `replay_master` leaves out:
no flow is printed, saved, changed or replayed by mitmproxy itself.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from ..dataclass_code import kept_dataclass_code
from ..service.garbage_collection import collect_garbage_rarely
from .shortcuts.addon_imports import import_addons_singly
from .shortcuts.late_imports import import_late

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

# With the modules that they import, all that a proxy needs until it listens.
_MODULES = ("mitmproxy.tools.main", "openai_replay.proxy.replay_master", "openai_replay.proxy.addon")

# One of several workers.
_WORKER = (sys.executable, "-P", "-m", "openai_replay.proxy.serve")


def serve(arguments: Sequence[str] | None = None) -> None:
    """Run the proxy until it is told to end; `arguments` are mitmdump's, by default the arguments of the process.

    `--workers N` besides runs N of them on one port.
    """
    gc.disable()  # imports make nothing but objects that stay: a tenth of their time
    with kept_dataclass_code("serve"):
        from ..service.workers import refuse_taken_port, run_workers, split_workers
    workers, others = split_workers(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Each line at once, for `tail -f`, and whole: PYTHONUNBUFFERED writes its end separately, and the lines of
        # several workers would mix.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)
    if workers > 1:
        gc.enable()
        sys.exit(run_workers(workers, _WORKER, others))
    refuse_taken_port(others)
    import_all()
    run_proxy(others)


def import_all() -> None:
    """Import mitmproxy, and the addon that the script `replay.py` will name."""
    with kept_dataclass_code("proxy"):
        import_late()
        import_addons_singly()
        for name in _MODULES:
            import_module(name)


def run_proxy(arguments: Sequence[str]) -> None:
    """Run the proxy, once all is imported, until it is told to end, and end the process; `arguments` are mitmdump's."""
    sys.argv[0] = "openai-replay serve"  # as which mitmproxy tells of options that it does not know
    _have_home()
    _allow_many_connections()
    from mitmproxy.tools import cmdline, main

    from .replay_master import ReplayMaster

    collect_garbage_rarely()
    # No log lines for connections that open and close: they are noise, and cost time.
    logging.getLogger("mitmproxy.proxy.server").setLevel(logging.WARNING)
    main.run(ReplayMaster, cmdline.mitmdump, arguments)
    _exit_at_once()


def _have_home() -> None:
    """Set HOME to `/`, as Docker does, for a user without one: mitmproxy would end in a traceback.

    The addon says then which folder it needs, if the certificate authority cannot be kept there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def _allow_many_connections() -> None:
    """Raise the soft limit of open files: a paced stream takes three, and a common limit is 1,024."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # macOS refuses an unlimited number
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _exit_at_once() -> None:
    """End the process without freeing each object first, which takes Python a quarter of a second."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    serve()
