"""Count the repeats of each request in a run, to tell which of its recorded answers comes next."""

from __future__ import annotations

from ..request.identity import ApiRequest

type PositionKey = tuple[str | None, str, str]


class Positions:
    """How often each request that has several answers was made in this run."""

    def __init__(self) -> None:
        self._next: dict[PositionKey, int] = {}

    def take(self, api_request: ApiRequest, length: int) -> int:
        """Return which of so many answers a request gets, counted from 0: the next one, in the end the last."""
        if length == 1:
            return 0
        key = (api_request.test_id, api_request.identity.key, api_request.identity.stream_options)
        position = self._next.get(key, 0)
        self._next[key] = position + 1
        return min(position, length - 1)

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Begin all repeats anew, or those of one test."""
        self._next = {} if all_tests else {key: n for key, n in self._next.items() if key[0] != test_id}
