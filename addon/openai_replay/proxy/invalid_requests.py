"""Tell and count requests that HTTP/2 forbids: mitmproxy ends their connection before there is a flow."""

from __future__ import annotations

import logging

from ..format.recording import JSON
from ..options import Mode
from .session import Session

log = logging.getLogger(__name__)


def invalid_request(session: Session, authority: str, reason: str) -> None:
    """Say in the log and the report why a request over HTTP/2 got no answer, if it was for a recorded host.

    Args:
        authority: of the request, such as `api.openai.com` or `api.openai.com:443`; "" for a request without one.
    """
    host, _, port = authority.partition(":")
    settings = session.settings
    if authority and not settings.is_recorded(host, int(port) if port.isdecimal() else 443):
        return
    what = f"a request over HTTP/2 to {authority or 'a recorded host'}"
    problem = f"{reason}, which HTTP/2 forbids (RFC 9113, section 8.2); the connection is closed"
    log.error("Refused: %s: %s", what, problem)
    if settings.mode is Mode.REPLAY:
        details: dict[str, JSON] = {"request": what, "refused": problem}
        session.run.report.add_missed(None, f"{what} {reason}", details)
    elif settings.mode is not Mode.LIVE:
        session.run.report.add_not_recorded(None, what, problem)
