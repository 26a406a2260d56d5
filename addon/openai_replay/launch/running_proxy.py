"""Client of a running proxy's control page: read the report, reset repeats. Needs the standard library alone."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import OpenAIReplayError

ADDRESS = "127.0.0.1"

# The host name under which the proxy answers itself; service/control.py has the other end.
CONTROL_HOST = "openai-replay.test"

# The beginning of a test id that is an alias; service/aliases.py has the other end.
ALIAS_PREFIX = "openai-replay-process-"

_LONGEST_ANSWER_S = 120


class ProxyFailed(OpenAIReplayError):
    """The proxy did not start, or did not answer."""


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A proxy that runs, in any process.

    Attributes:
        port: the port of 127.0.0.1 that it listens on.
        is_reverse: it is the API for a base URL, not a proxy.
    """

    port: int
    is_reverse: bool

    def report(self, test_id: str | None = None) -> dict[str, Any]:
        """Return the report of the run so far, or of one test.

        Raises:
            ProxyFailed: the proxy does not answer.
        """
        reported: dict[str, Any] = self._ask("GET", f"/report{_scope(test_id)}")
        return reported

    def reset(self, test_id: str) -> None:
        """Start the repeats of a test from the first recording again.

        Raises:
            ProxyFailed: the proxy does not answer.
        """
        self._ask("POST", f"/reset{_scope(test_id)}")

    def alias(self, alias: str, test_id: str | None) -> None:
        """Let a test id stand for another one, or, with None, for no test.

        Raises:
            ProxyFailed: the proxy does not answer.
        """
        names = f"alias={quote(alias, safe='')}"
        self._ask("POST", f"/alias{_scope(test_id)}{'?' if test_id is None else '&'}{names}")

    def _ask(self, method: str, path: str) -> Any:
        from http.client import HTTPException  # with its mail parser, which a run needs at its end alone

        target = f"/@{path}" if self.is_reverse else f"http://{CONTROL_HOST}{path}"
        try:
            status, content = _answered(self.port, method, target)
        except (OSError, HTTPException) as exc:
            raise ProxyFailed(f"the proxy at {ADDRESS}:{self.port} does not answer: {exc}") from exc
        if status != 200:
            raise ProxyFailed(f"the proxy at {ADDRESS}:{self.port} answers {method} {path} with {status}")
        return json.loads(content)


def _answered(port: int, method: str, target: str) -> tuple[int, bytes]:
    """Return status and body of the answer to a request without a body.

    By a socket: VCR.py and its like replace the connections of `http.client` in the tests' process, and would look for
    this request in the test's cassette.
    """
    from http.client import HTTPResponse

    with socket.create_connection((ADDRESS, port), _LONGEST_ANSWER_S) as connection:
        head = f"{method} {target} HTTP/1.1\r\nHost: {ADDRESS}:{port}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode("ascii"))
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            return response.status, response.read()


def _scope(test_id: str | None) -> str:
    return "" if test_id is None else f"?test_id={quote(test_id, safe='')}"
