"""Answer an upgrade to a WebSocket from the recordings: serve its messages, or give the API's recorded refusal."""

from __future__ import annotations

from functools import partial

from ..replay.delivery import Delivery
from ..replay.faults import HEADER as FAULT_HEADER
from ..replay.session_delivery import SessionDelivery
from ..request.response_create import is_responses_endpoint
from .answering import explained_miss
from .responses_replay import replay_responses
from .session_replay import Found, next_session, replay_session
from .socket_requests import Upgrade
from .web_socket import Accepted


async def replayed_upgrade(upgrade: Upgrade) -> Delivery | Accepted:
    """Return the recorded refusal of an upgrade, or the way to serve its messages; a miss is served, too."""
    if is_responses_endpoint(upgrade.url):
        return Accepted(partial(replay_responses, upgrade))
    found = await next_session(upgrade)
    return served(upgrade, found or await explained_miss(upgrade.service, upgrade.api_request()))


def served(upgrade: Upgrade, found: Delivery | Found) -> Delivery | Accepted:
    """Return the answer to an upgrade by the recording that was found for it."""
    if isinstance(found, Delivery):
        return found
    fault = found.fault if isinstance(found, SessionDelivery) else ""
    headers = ((FAULT_HEADER, fault),) if fault else ()
    return Accepted(partial(replay_session, upgrade, found), headers)
