"""An API that costs next to nothing: a stream of as many chunks as a request asks for, each sent by itself.

    python -m bench_parts.stream_source CA_FILE

It writes the certificate to trust to CA_FILE, prints its port, and serves until it is told to end. The requests
are the chunks of `programs.request_body`; with `?gap_us=` in the path, so much time lies between two chunks, and with
`uneven` a tenth of it to twice as much.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

from openai_replay.mock.authority import server_context

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nopenai-version: 2020-10-01\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_CHUNK = (
    'data: {{"id":"chatcmpl-D25V4zqentlOekRphmL3x1LRZtMOS","object":"chat.completion.chunk","created":1795238026,'
    '"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_cbf1785567","choices":[{{"index":0,'
    '"delta":{{"content":" word{}"}},"logprobs":null,"finish_reason":null}}],"obfuscation":"tD2o9xQv"}}\n\n'
)
_DONE = b"data: [DONE]\n\n"


def main() -> None:
    """Serve each connection in a thread."""
    context = server_context(("api.openai.com",), ("http/1.1",), Path(sys.argv[1]))
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


def serve(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Answer the requests of one connection."""
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            while request := next_request(tls):
                answer(tls, request)
    except (OSError, ssl.SSLError):
        pass  # the proxy has gone


def next_request(connection: ssl.SSLSocket) -> bytes:
    """Return the next request, b"" when there is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            return b""
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(connection: ssl.SSLSocket, request: bytes) -> None:
    """Send a stream, chunk by chunk."""
    api_request = re.search(rb"in (\d+) chunks", request)
    gap = re.search(rb"gap_us=(\d+)", request)
    count, gap_s = int(api_request[1]) if api_request else 1, int(gap[1]) / 1e6 if gap else 0
    connection.sendall(_HEAD)
    for number in range(count):
        connection.sendall(framed(_CHUNK.format(number).encode()))
        if gap_s:
            time.sleep(gap_s * (0.1 + number * number % 20 / 10) if b"uneven" in request else gap_s)
    connection.sendall(framed(_DONE) + b"0\r\n\r\n")


def framed(data: bytes) -> bytes:
    """Return a chunk of the chunked transfer coding (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


if __name__ == "__main__":
    main()
