"""The mock API as a TLS server on loopback, in its own thread and event loop."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from .authority import HOSTS, PROTOCOLS, server_context
from .exchange import Request
from .http1 import Http1Connection
from .http2 import Http2Connection
from .service import Service

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
SCENARIOS = Path(__file__).parent / "scenarios"
WAIT_CEILING_SECONDS = 60


class Upstream:
    """Stands in for api.openai.com and its like, from `with` to the end of the block.

    Args:
        port: where to listen on 127.0.0.1 with TLS; 0: any free port.
        plain: listen with plain HTTP/1.1, too (for hosts that are reached by http, and for a base URL).
        plain_port: where to listen with plain HTTP/1.1; 0: any free port.
        hosts: the names in the certificate.
        protocols: offered by ALPN, the preferred one first; `("http/1.1",)` for a host without HTTP/2.
        ca_dir: where the authority's PEM is written; None: a temporary folder.
        scenarios: folders of scenario files besides the package's own, asked before it.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        plain: bool = False,
        plain_port: int = 0,
        hosts: Sequence[str] = HOSTS,
        protocols: Sequence[str] = PROTOCOLS,
        ca_dir: Path | None = None,
        scenarios: Sequence[Path] = (),
    ) -> None:
        self.connections = 0
        """How many TCP connections were accepted, TLS or not, used or not."""
        self.port = port
        self.plain_port = plain_port
        self._plain = plain
        self._hosts = hosts
        self._protocols = protocols
        self._ca_dir = ca_dir
        self._change = threading.Condition()
        self._service = Service([*scenarios, SCENARIOS], self._changed)
        self._serving: set[asyncio.Task[None]] = set()
        self._servers = AsyncExitStack()

    def __enter__(self) -> Self:
        self._temporary = TemporaryDirectory(prefix="upstream-ca-")
        self.ca_file = (self._ca_dir or Path(self._temporary.name)) / "upstream-ca.pem"
        """The PEM to trust: mitmdump's `ssl_verify_upstream_trusted_ca`, curl's `--cacert`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._temporary.cleanup()

    @property
    def requests(self) -> list[Request]:
        """The requests since the start or the last reset, oldest first."""
        return list(self._service.requests)

    def add(self, scenario: dict[str, Any]) -> None:
        """Let `scenario`, the members of a scenario file, answer before all others.

        Raises:
            ScenarioError: it says something that a scenario cannot say.
        """
        self._run(_call(lambda: self._service.add(scenario)))

    def reset(self) -> None:
        """Be as new: no requests, no connections counted, no added scenarios, an empty account."""
        self._run(_call(self._service.reset))
        self.connections = 0

    def wait_for(
        self, predicate: Callable[[Upstream], bool], ceiling_seconds: float = WAIT_CEILING_SECONDS
    ) -> None:
        """Return as soon as `predicate` of this upstream is true; it is asked after every change.

        Raises:
            TimeoutError: it was still false after `ceiling_seconds`.
        """
        with self._change:
            if not self._change.wait_for(lambda: predicate(self), ceiling_seconds):
                raise TimeoutError(
                    f"upstream: still waiting after {ceiling_seconds} s, with {self.connections} connections "
                    f"and {[(request.method, request.target, request.outcome) for request in self.requests]}"
                )

    def _changed(self) -> None:
        with self._change:
            self._change.notify_all()

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> None:
        context = server_context(self._hosts, self._protocols, self.ca_file)
        self.port = await self._listen(self.port, context)
        if self._plain:
            self.plain_port = await self._listen(self.plain_port, None)

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> int:
        server = await self._loop.create_server(self._accept, LOOPBACK, port, ssl=context, backlog=512)
        self._servers.callback(server.close)
        return int(server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        await self._servers.aclose()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self) -> asyncio.Protocol:
        """Count a connection as soon as it is accepted: one that fails in TLS was made all the same."""
        self.connections += 1
        self._changed()
        reader = asyncio.StreamReader(loop=self._loop)
        return asyncio.StreamReaderProtocol(reader, self._begin_serving, loop=self._loop)

    def _begin_serving(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        protocol = Http2Connection if tls and tls.selected_alpn_protocol() == "h2" else Http1Connection
        scheme = "https" if tls else "http"
        try:
            await protocol(reader, writer, scheme, self._service.answer, self._service.report).serve()
        except (ConnectionError, ssl.SSLError):
            # The client broke off, and cannot be sent an error.
            pass
        except asyncio.CancelledError:
            # The upstream ends; a polite end of TLS would wait for the client.
            writer.transport.abort()
            raise
        except Exception:
            log.exception("an answer failed on its way")
        finally:
            writer.close()


async def _call(work: Callable[[], None]) -> None:
    work()
