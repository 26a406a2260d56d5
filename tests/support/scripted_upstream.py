"""An upstream that answers each request with bytes that the test chose, and closes the connection."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class ScriptedUpstream:
    """A running upstream; `answer` is the next answer, head and body."""

    port: int
    answer: bytes = b""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    state: ScriptedUpstream


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.rfile.read(length)
        self.wfile.write(self.server.state.answer)


@contextmanager
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    """Run such an upstream on a free port of 127.0.0.1 until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.state = ScriptedUpstream(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.state
        finally:
            server.shutdown()
            thread.join()


def answer(body: bytes, content_type: str = "application/json", status: str = "200 OK") -> bytes:
    """Return an answer with a length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
