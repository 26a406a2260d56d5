"""Count the repeats of each request in a run, to tell which of its recorded answers comes next.

An example. A request has three recorded answers (`queued`, `queued`, `done`), and two tests poll:

    test a   take -> 0 queued    take -> 1 queued    take -> 2 done    take -> 2 done (the last one again)
    test b                       take -> 0 queued, for its test id counts apart

Recorded sessions of a WebSocket are counted one by one, for the client's messages may choose another than the next.
`shared_run.py` has the same counts for several processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..request.identity import ApiRequest

type PositionKey = tuple[str | None, str, str]


class Positions:
    """How often each request that has several answers was made in this run, and how often each that may fail."""

    def __init__(self) -> None:
        self._next: dict[PositionKey, int] = {}
        self._attempts: dict[PositionKey, int] = {}
        self._uses: dict[
            PositionKey, int
        ] = {}  # of recorded sessions; the name is in the place of stream options

    def take(self, api_request: ApiRequest, length: int) -> int:
        """Return which of so many answers a request gets, counted from 0: the next one, in the end the last."""
        if length == 1:
            return 0
        return min(_counted(self._next, _key(api_request)), length - 1)

    def peek(self, api_request: ApiRequest, length: int) -> int:
        """Return the answer that `take` would return, and leave it the next one."""
        return min(self._next.get(_key(api_request), 0), length - 1)

    def attempt(self, api_request: ApiRequest) -> int:
        """Count an attempt of a request that may get a fault; return how many there were before."""
        return _counted(self._attempts, _key(api_request))

    def sessions_in_turn(self, api_request: ApiRequest, names: Sequence[str]) -> list[str]:
        """Return the names of an upgrade's recorded sessions in turn: unused ones, then used ones, last first."""
        return in_turn(names, {name: self._uses.get(_session_key(api_request, name), 0) for name in names})

    def reserve_session(self, api_request: ApiRequest, names: Sequence[str]) -> str:
        """Return the recorded session whose turn it is, and count its use."""
        name = Positions.sessions_in_turn(self, api_request, names)[0]
        _counted(self._uses, _session_key(api_request, name))
        return name

    def exchange_session(self, api_request: ApiRequest, reserved: str, used: str) -> None:
        """Count the use of another recorded session than the reserved one."""
        self._uses[_session_key(api_request, reserved)] = max(
            0, self._uses.get(_session_key(api_request, reserved), 0) - 1
        )
        _counted(self._uses, _session_key(api_request, used))

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Start all repeats from their first answer, or only the repeats of one test."""
        self._next = {} if all_tests else _of_other_tests(self._next, test_id)
        self._attempts = {} if all_tests else _of_other_tests(self._attempts, test_id)
        self._uses = {} if all_tests else _of_other_tests(self._uses, test_id)


def _key(api_request: ApiRequest) -> PositionKey:
    return (api_request.test_id, api_request.identity.key, api_request.identity.stream_options)


def _session_key(api_request: ApiRequest, name: str) -> PositionKey:
    return (api_request.test_id, api_request.identity.key, name)


def _counted(counts: dict[PositionKey, int], key: PositionKey) -> int:
    """Add one to a count, and return it as it was before."""
    count = counts.get(key, 0)
    counts[key] = count + 1
    return count


def _of_other_tests(counts: dict[PositionKey, int], test_id: str | None) -> dict[PositionKey, int]:
    return {key: count for key, count in counts.items() if key[0] != test_id}


def in_turn(names: Sequence[str], uses: Mapping[str, int]) -> list[str]:
    """Return the names of recorded sessions as they answer: unused ones, then used ones, last first."""
    return [
        *(name for name in names if not uses.get(name)),
        *(name for name in reversed(names) if uses.get(name)),
    ]
