"""Answer an upgrade to a WebSocket from the recordings: serve its messages, or give the API's recorded refusal."""

from __future__ import annotations

from functools import partial

from ..replay.answer import Answer
from ..request.response_create import is_responses_endpoint
from .answering import explained_miss
from .responses_replay import replay_responses
from .session_replay import Found, next_session, replay_session
from .socket_requests import Upgrade
from .web_socket import Serve


async def replayed_upgrade(upgrade: Upgrade) -> Answer | Serve:
    """Return the recorded refusal of an upgrade, or the way to serve its messages; a miss is served, too."""
    if is_responses_endpoint(upgrade.url):
        return partial(replay_responses, upgrade)
    found = await next_session(upgrade)
    return served(upgrade, found or await explained_miss(upgrade.service, upgrade.api_request()))


def served(upgrade: Upgrade, found: Answer | Found) -> Answer | Serve:
    """Return the answer to an upgrade by the recording that was found for it."""
    return found if isinstance(found, Answer) else partial(replay_session, upgrade, found)
