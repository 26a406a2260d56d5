"""Client of a running proxy's control page: read the report, reset repeats. Needs the standard library alone."""

from __future__ import annotations

import json
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
        import http.client  # with its mail parser, which a run needs at its end alone

        target = f"/@{path}" if self.is_reverse else f"http://{CONTROL_HOST}{path}"
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=_LONGEST_ANSWER_S)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            raise ProxyFailed(f"the proxy at {ADDRESS}:{self.port} does not answer: {exc}") from exc
        finally:
            connection.close()
        if response.status != 200:
            raise ProxyFailed(
                f"the proxy at {ADDRESS}:{self.port} answers {method} {path} with {response.status}"
            )
        return json.loads(content)


def _scope(test_id: str | None) -> str:
    return "" if test_id is None else f"?test_id={quote(test_id, safe='')}"
