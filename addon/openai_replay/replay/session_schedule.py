"""When the server's messages of a replayed session are due, by the planned times and the live client's own pace.

A message of the server comes as long after the client's last message before it as planned, and no sooner after the
client's last message that is no sound. So a client that thinks longer than the recorded one does not lose the server's
delays, and a client that sends all of its sound at once still waits for the answer.
"""

from __future__ import annotations

from ..trouble.pacing import Times


class SessionSchedule:
    """The times of one session, in ms after the upgrade."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._shift_ms = 0.0  # how much later than planned the client's last message came
        self._shift_without_sound_ms = 0.0  # the same of its last message that is no sound

    def heard(self, number: int, at_ms: float, *, is_sound: bool) -> None:
        """Take note that the client sent a recorded message at a time."""
        self._shift_ms = at_ms - self._times.pieces[number]
        if not is_sound:
            self._shift_without_sound_ms = self._shift_ms

    def due_ms(self, number: int) -> float:
        """Return when a message of the server is due; of the number after the last one, the end of the session."""
        if self._times.is_instant():
            return 0.0
        pieces = self._times.pieces
        planned_ms = pieces[number] if number < len(pieces) else self._times.end
        return planned_ms + max(self._shift_ms, self._shift_without_sound_ms)
