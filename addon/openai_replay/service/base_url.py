"""Check that a server which stands in for one API, by base URL, stands in for a recorded host."""

from __future__ import annotations

from ..errors import BadOption
from ..options import Settings


def refuse_unrecorded(mode: str, host: str, port: int, settings: Settings) -> None:
    """Check the host of a mode such as `reverse:https://api.openai.com`.

    Raises:
        BadOption: it is not recorded, so nothing would be recorded or replayed.
    """
    if not settings.is_recorded(host, port):
        hosts = ", ".join(pattern.text for pattern in settings.hosts)
        raise BadOption(
            f"mode={mode}: {host}:{port} is none of recording_hosts ({hosts}), "
            f"so nothing would be recorded or replayed: add --set recording_hosts={host}:{port}"
        )
