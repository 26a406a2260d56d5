"""The objects of an account (files, responses, batches and the like) while the mock API runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..exchange import Request
from .answers import ApiError

DEFAULT_PAGE = 20


class Collection:
    """Objects of one kind by id, in the order in which they were made."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._objects: dict[str, dict[str, Any]] = {}

    def add(self, value: dict[str, Any]) -> dict[str, Any]:
        """Keep `value` under its `id` and return it."""
        self._objects[value["id"]] = value
        return value

    def get(self, id: str) -> dict[str, Any]:
        """Return the object called `id`.

        Raises:
            ApiError: 404, there is none.
        """
        if id not in self._objects:
            raise ApiError(404, f"No such {self._kind}: '{id}'", param="id")
        return self._objects[id]

    def remove(self, id: str) -> dict[str, Any]:
        """Return the object called `id` and forget it.

        Raises:
            ApiError: 404, there is none.
        """
        value = self.get(id)
        del self._objects[id]
        return value

    def all(self) -> list[dict[str, Any]]:
        """Return every object, oldest first."""
        return list(self._objects.values())


@dataclass(slots=True)
class Account:
    """The collections by name, and the bytes of uploaded files by file id."""

    contents: dict[str, bytes] = field(default_factory=dict)
    _collections: dict[str, Collection] = field(default_factory=dict)
    polls: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often the object of an id was requested: work in the background advances with it."""

    def collection(self, name: str, kind: str | None = None) -> Collection:
        """Return the collection `name`; `kind` names one of its objects in a 404."""
        return self._collections.setdefault(name, Collection(kind or name))


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to the function that answers it."""

    request: Request
    account: Account
    names: dict[str, str]
    """What stood in the path where its pattern has a name in braces."""
    body: dict[str, Any]
    """The JSON body; empty where there is none."""

    @property
    def streamed(self) -> bool:
        """Whether the request asks for a stream."""
        return self.body.get("stream") is True


def page(
    objects: list[dict[str, Any]], parameters: dict[str, str], newest_first: bool = True
) -> dict[str, Any]:
    """Return one page of `objects` (oldest first) as the API pages: `after`, `before`, `limit`, `order`."""
    ordered = list(objects)
    if parameters.get("order", "desc" if newest_first else "asc") == "desc":
        ordered.reverse()
    ids = [value["id"] for value in ordered]
    if (after := parameters.get("after")) in ids:
        ordered = ordered[ids.index(after) + 1 :]
    elif (before := parameters.get("before")) in ids:
        ordered = ordered[: ids.index(before)]
    limit = int(parameters.get("limit", DEFAULT_PAGE))
    data = ordered[:limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(ordered) > limit,
    }
