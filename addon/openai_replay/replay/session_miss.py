"""Explain a miss within a WebSocket's session: which message differs from which recording, and the next steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..format.recording import JSON
from ..front_end import FrontEnd
from ..request.identity import ApiRequest
from .socket_session import Mismatch

_MOST_DIFFERENCES = 12


@dataclass(frozen=True, slots=True)
class SessionMiss:
    """A message of the client that its session's recording does not have.

    Attributes:
        recording: the session that came the farthest, by its path in the folder.
        mismatch: the message in it, and the differences.
        tried: how many recorded sessions of the upgrade were compared.
        fitting: a session with all messages of the client so far, "" without one. It could not go on, because the
            server's messages in it differ from those that the client got already.
    """

    api_request: ApiRequest
    recording: str
    mismatch: Mismatch
    tried: int = 1
    fitting: str = ""

    def explanation(self, front_end: FrontEnd) -> str:
        """Return the text for the log and for the client, next steps included.

        Args:
            front_end: the program that the user has started, in whose spelling options are named.
        """
        return "\n".join([*self._lines(), self.advice(front_end)])

    def details(self, front_end: FrontEnd) -> dict[str, JSON]:
        """Return the members that the report has of it."""
        request = self.api_request
        return {
            "method": request.method,
            "endpoint": request.endpoint(),
            "request": request.name(),
            "nearest": self.fitting or self.recording,
            "message": self.mismatch.number + 1,
            "differences": [difference.to_json() for difference in self.mismatch.differences],
            "advice": self.advice(front_end),
        }

    def advice(self, front_end: FrontEnd) -> str:
        """Return the next steps: a test id, the mode that records the session, rules to ignore differences."""
        return "\n".join(self._steps(front_end))

    def _lines(self) -> Iterator[str]:
        test = f" by test {self.api_request.test_id}" if self.api_request.test_id else ""
        place = f"message {self.mismatch.number + 1} of the session GET {self.api_request.endpoint()}{test}"
        others = f", the nearest of {self.tried}" if self.tried > 1 else ""
        yield f"No recording for {place}. The session is {self.recording}{others}:"
        yield from (f"    {difference}" for difference in self.mismatch.differences[:_MOST_DIFFERENCES])
        if self.fitting:
            yield (
                f"  {self.fitting} has the client's messages, but the server's messages so far were those of "
                f"{self.recording}."
            )

    def _steps(self, front_end: FrontEnd) -> Iterator[str]:
        url = urlsplit(self.api_request.url)
        command = front_end.command("recording_mode", "record", f"{url.scheme}://{url.netloc}")
        if self.fitting:
            yield "  Next: give each test a test id of its own (header X-Test-Id) while recording and replaying;"
            yield f"  to record them so, with a key: {command}"
            return
        yield f"  Next: record the session again, with a key: {command}"
        if rules := self._ignore_rules():
            yield from front_end.ignoring(rules)

    def _ignore_rules(self) -> tuple[str, ...]:
        """Return the rules that leave all the differences out, () where one does not look volatile."""
        for_each = [difference.ignore_rules() for difference in self.mismatch.differences]
        return tuple(dict.fromkeys(text for texts in for_each for text in texts)) if all(for_each) else ()
