"""Map ids of a Realtime session: each id that the live client makes stands for an id of the recorded client.

A client may name the items that it creates, and both sides refer to them later. Rule: an id counts as the client's own
only where it creates something with it, and only if the recorded server had not said the recorded id before. Each
recorded id stands for one live id, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..format.recording import JSON

_ID_MEMBERS = ("id", "item_id", "previous_item_id", "call_id", "response_id", "approval_request_id")


class SessionIds:
    """The ids of one session that differ between the recording and the live client."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        self._recorded: dict[str, str] = {}
        self._of_server: set[str] = set()

    def learn(self, recorded: JSON, live: JSON) -> None:
        """Take the ids that the client creates things with in a message."""
        for one, other in zip(_created(recorded), _created(live), strict=False):
            for name in ("id", "call_id"):
                self.bind(one.get(name), other.get(name))

    def bind(self, recorded: JSON, live: JSON) -> None:
        """Let a live id stand for a recorded one, if both are new."""
        if not isinstance(recorded, str) or not isinstance(live, str) or recorded == live:
            return
        is_known = recorded in self._live or recorded in self._of_server
        if not is_known and live not in self._recorded and live not in self._of_server:
            self._live[recorded] = live
            self._recorded[live] = recorded

    def adopt(self, recorded: JSON, sent: JSON) -> None:
        """Let the ids of a message that was sent to the client stand for those in the recorded message in its place."""
        if isinstance(recorded, dict) and isinstance(sent, dict):
            for name in recorded.keys() & sent.keys():
                self._adopt_member(name, recorded[name], sent[name])
        elif isinstance(recorded, list) and isinstance(sent, list):
            for one, other in zip(recorded, sent, strict=False):
                self.adopt(one, other)

    def _adopt_member(self, name: str, recorded: JSON, sent: JSON) -> None:
        if name in _ID_MEMBERS and isinstance(recorded, str) and isinstance(sent, str):
            self._live.setdefault(recorded, sent)
            self._recorded.setdefault(sent, recorded)
        else:
            self.adopt(recorded, sent)

    def hear_server(self, data: JSON) -> None:
        """Take note of the ids that the recorded server says, which a client repeats as they are."""
        self._of_server.update(_ids(data))

    def as_recorded(self, data: JSON) -> JSON:
        """Return a live message with the recorded ids."""
        return _replaced(data, self._recorded) if self._recorded else data

    def as_live(self, data: JSON) -> JSON:
        """Return a recorded message with the live ids."""
        return _replaced(data, self._live) if self._live else data


def _created(data: JSON) -> Iterator[dict[str, JSON]]:
    """Yield the items that a message creates: of the conversation, or of a response's input."""
    if not isinstance(data, dict):
        return
    response = data.get("response")
    inputs = response.get("input") if isinstance(response, dict) else None
    for item in (data.get("item"), *(inputs if isinstance(inputs, list) else ())):
        yield item if isinstance(item, dict) else {}


def _ids(data: JSON) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name in _ID_MEMBERS and isinstance(value, str):
                yield value
            else:
                yield from _ids(value)
    elif isinstance(data, list):
        for item in data:
            yield from _ids(item)


def _replaced(data: JSON, ids: dict[str, str]) -> JSON:
    """Return a message with other ids in the members that hold ids."""
    if isinstance(data, dict):
        return {
            name: ids.get(value, value)
            if isinstance(value, str) and (name in _ID_MEMBERS or name == "event_id")
            else _replaced(value, ids)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [_replaced(item, ids) for item in data]
    return data
