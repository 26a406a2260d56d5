"""Let a replayed session end in the future: a client that compares `expires_at` with its clock must not see it expired.

A Realtime session lasts for an hour at most (OpenAI documentation, "Realtime conversations"). So the first `expires_at`
that the server sends is moved to an hour after the upgrade, and each other one by the same time.
"""

from __future__ import annotations

from ..format.recording import JSON

LIFETIME_S = 3600

_NAME = "expires_at"


class SessionExpiry:
    """Moves the times at which one session and its keys expire."""

    def __init__(self, upgrade_s: float) -> None:
        """Prepare for a session that began at `upgrade_s`, in seconds since 1970."""
        self._expires_s = int(upgrade_s) + LIFETIME_S
        self._later_s: int | None = None

    def moved(self, data: JSON) -> JSON:
        """Return a message of the server with its times moved."""
        if isinstance(data, dict):
            return {name: self._member(name, value) for name, value in data.items()}
        if isinstance(data, list):
            return [self.moved(item) for item in data]
        return data

    def _member(self, name: str, value: JSON) -> JSON:
        if name != _NAME or not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            return self.moved(value)
        if self._later_s is None:
            self._later_s = self._expires_s - value
        return value + self._later_s
