"""Finds recordings that can never answer, since another one answers the same request of the same test.

Replay looks for the recorder's own names first, and then takes the first of the other names (`store.Store.named` and
`chosen`). All numbers of the name that is found belong to the answer.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..request.identity import ApiRequest
from ..store import names

_LAST = 9


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a recording in the search for an answer.

    Attributes:
        path: of its file, relative to the folder.
        request: equal for recordings of one request by one test.
        rank: the lower, the earlier it is looked for.
    """

    path: str
    request: tuple[str, str, str | None]
    rank: int

    def base(self) -> str:
        """Return the name without its number."""
        return names.split_number(self.path)[0]


def place_of(path: str, api_request: ApiRequest, own: Sequence[str]) -> Place | None:
    """Return the place of a recording; None for a list of models, whose recordings answer together.

    Args:
        own: the recorder's names for the request, see `ApiRequest.names`.
    """
    if api_request.is_model_list():
        return None
    identity = api_request.identity
    base = os.path.basename(names.split_number(path)[0])
    rank = own.index(base) if base in own and not os.path.dirname(path) else _LAST
    return Place(path, (identity.key, identity.stream_options, api_request.test_id), rank)


def unreachable(places: Iterable[Place], paths: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, path of the recording that answers in its place).

    Args:
        paths: all recordings of the folder; a recorder's name without its first number is looked for like any other.
    """

    def order(place: Place) -> tuple[int, str]:
        is_first_there = names.file_name(place.base()) in paths
        return place.rank if is_first_there else _LAST, place.base()

    by_request: dict[tuple[str, str, str | None], list[Place]] = defaultdict(list)
    for place in places:
        by_request[place.request].append(place)
    for rivals in by_request.values():
        first = min(rivals, key=lambda place: (order(place), names.split_number(place.path)[1]))
        yield from ((rival.path, first.path) for rival in rivals if rival.base() != first.base())


def continued(places: Sequence[Place]) -> set[str]:
    """Return the paths of recordings that continue a series: the first of their name has the same request.

    Requests that replay takes for the same may have different names of the recorder, such as those with 0 and 0.0.
    """
    requests = {place.path: place.request for place in places}
    return {
        place.path
        for place in places
        if requests.get(first := names.file_name(place.base())) == place.request and place.path != first
    }


def same_but_for_case(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, earlier path) for paths that only some file systems tell apart (macOS and Windows do not)."""
    seen: dict[str, str] = {}
    for path in paths:
        earlier = seen.setdefault(path.casefold(), path)
        if earlier != path:
            yield path, earlier
