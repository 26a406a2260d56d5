"""Compare recordings by meaning: texts as texts, tool calls as calls, without ids, times and padding.

Recordings are paired by path. A changed request gets another name, so the rest are paired with the most
alike recording of the same test and endpoint.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRecording
from ..format.recording import JSON, Recording, decode
from ..format.short_text import number_of
from ..store import names
from ..store.likeness import Sketch, likeness, sketch
from .readable import lines_of
from .sides import Side

# Members that differ with each recording and mean nothing to a reader.
_NOISE = frozenset(
    [
        "id",
        "created",
        "created_at",
        "completed_at",
        "obfuscation",
        "system_fingerprint",
        "item_id",
        "response_id",
        "call_id",
    ]
)

# How alike two requests must be, from 0 to 1, to be taken for an old and a new version of one.
_ALIKE = 0.5

# How many places are named that a reader does not see in the texts.
_MOST_PLACES = 5

_CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two recordings: `before` and `after` are paths, None where there is none on that side."""

    before: str | None
    after: str | None
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Read:
    """A file of one side: its recording, or its problem, as lines."""

    path: str
    recording: Recording | None
    lines: Sequence[str]

    def key(self) -> tuple[str | None, str, str]:
        """Return the key that an old and a new version of a recording share."""
        request = self.recording.request if self.recording else None
        test_id = self.recording.test_id if self.recording else None
        return (test_id, request.method, request.endpoint) if request else (None, "", "")


def differences(before: Side, after: Side, step: Callable[[], None] = lambda: None) -> Iterator[Difference]:
    """Yield the differences between two sides, in path order; two single files are compared under any names.

    Args:
        step: called for each pair of paths that is compared.
    """
    if len(before.paths()) == len(after.paths()) == 1:
        yield from _compared_files(before, after)
    else:
        yield from _compared_recordings(before, after, step)
    yield from _compared_bodies(before, after)


def _compared_bodies(before: Side, after: Side) -> Iterator[Difference]:
    """Yield the differences between bodies of both sides; others come and go with their recordings."""
    changed = _changed(before, after, sorted(before.bodies() & after.bodies()), lambda: None)
    old, new = before.read_all(changed), after.read_all(changed)
    for path in changed:
        yield Difference(path, path, _lines_between(old[path], new[path]))


def _lines_between(old: bytes, new: bytes) -> list[str]:
    try:
        return [*_unified(old.decode().splitlines(), new.decode().splitlines())]
    except UnicodeDecodeError:
        return [f"another body of {len(new):,} bytes, was {len(old):,}"]


def _compared_recordings(before: Side, after: Side, step: Callable[[], None]) -> Iterator[Difference]:
    shared = sorted(before.paths() & after.paths())
    changed = _changed(before, after, shared, step)
    old, new = before.read_all(changed), after.read_all(changed)
    for path in changed:
        yield from _compared(_read(path, old[path]), _read(path, new[path]))
    gone, come = sorted(before.paths() - after.paths()), sorted(after.paths() - before.paths())
    yield from _of_unpaired(
        [_read(path, raw) for path, raw in before.read_all(gone).items()],
        [_read(path, raw) for path, raw in after.read_all(come).items()],
    )


def _compared_files(before: Side, after: Side) -> Iterator[Difference]:
    [(old_path, old)] = before.read_all(before.paths()).items()
    [(new_path, new)] = after.read_all(after.paths()).items()
    if old != new:
        yield from _compared(_read(old_path, old), _read(new_path, new))


def _changed(before: Side, after: Side, paths: Sequence[str], step: Callable[[], None]) -> list[str]:
    """Return the paths whose files differ; of two revisions, git knows without a look at the content."""
    if before.blobs and after.blobs:
        return [path for path in paths if before.blobs[path] != after.blobs[path]]
    found = []
    old = before.read_all(paths) if before.blobs else {}
    new = after.read_all(paths) if after.blobs else {}
    for path in paths:
        one = old[path] if old else before.read(path)
        other = new[path] if new else after.read(path)
        if one != other:
            found.append(path)
        step()
    return found


def _read(path: str, raw: bytes) -> _Read:
    try:
        recording = decode(raw, Path(path))
    except BadRecording as exc:
        return _Read(path, None, [f"[{exc.problem} @ {exc.place}]"])
    return _Read(path, recording, lines_of(recording))


def _compared(before: _Read, after: _Read) -> Iterator[Difference]:
    lines = [*_unified(before.lines, after.lines)]
    if not lines and before.recording and after.recording:
        lines = [*_hidden_places(before.recording, after.recording)]
    if lines or before.path != after.path:
        yield Difference(before.path, after.path, lines)


def _unified(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    compared = difflib.unified_diff(before, after, lineterm="", n=_CONTEXT_LINES)
    return (line for number, line in enumerate(compared) if number > 1)  # without the names of files


def _of_unpaired(gone: Sequence[_Read], come: Sequence[_Read]) -> Iterator[Difference]:
    pairs = _paired(gone, come)
    for old in gone:
        if (new := pairs.get(old.path)) is not None:
            yield from _compared(old, new)
        else:
            yield Difference(old.path, None, [f"-{line}" for line in old.lines])
    taken = {new.path for new in pairs.values()}
    for new in come:
        if new.path not in taken:
            yield Difference(None, new.path, [f"+{line}" for line in new.lines])


def _paired(gone: Sequence[_Read], come: Sequence[_Read]) -> Mapping[str, _Read]:
    """Return for each old path the new recording that took its place, the most alike first."""
    groups = defaultdict(list)
    for new in come:
        groups[new.key()].append((_sketch(new), new))
    rated = []
    for old in gone:
        sketched = _sketch(old)
        for number, (other, new) in enumerate(groups[old.key()]):
            rated.append((likeness(sketched, other), old.path, number, new))
    pairs: dict[str, _Read] = {}
    taken: set[str] = set()
    for rating, path, _, new in sorted(rated, key=lambda one: (-one[0], one[1], one[2])):
        if rating >= _ALIKE and path not in pairs and new.path not in taken:
            pairs[path] = new
            taken.add(new.path)
    return pairs


def _sketch(read: _Read) -> Sketch:
    return sketch(read.recording.request.body if read.recording else None)


# --- differences outside the texts ---


def _hidden_places(before: Recording, after: Recording) -> Iterator[str]:
    places = [*_places(_significant(before), _significant(after), "$")]
    if places:
        left_out = len(places) - _MOST_PLACES
        more = f" and {number_of(left_out, 'more place')}" if left_out > 0 else ""
        yield f"the texts are equal; these differ: {', '.join(places[:_MOST_PLACES])}{more}"


def _significant(recording: Recording) -> JSON:
    response = recording.response
    failure = None if response.failure is None else response.failure.data
    answer: JSON = {"body": response.body, "failure": failure, "headers": dict(response.headers)}
    return _without_noise({"request": recording.request.body, "response": answer})


def _without_noise(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {name: _without_noise(item) for name, item in value.items() if name not in _NOISE}
    return [_without_noise(item) for item in value] if isinstance(value, list) else value


def _places(before: JSON, after: JSON, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _places(before.get(name), after.get(name), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _places(one, other, f"{place}[{number}]")
    elif before != after:
        yield place


def title(difference: Difference) -> str:
    """Return the line above a difference: the names of the recording, cut short."""
    before, after = difference.before, difference.after
    if before is None:
        return f"only after: {names.shortened(str(after))}"
    if after is None:
        return f"only before: {names.shortened(before)}"
    if before == after:
        return names.shortened(before)
    return f"{names.shortened(before)} -> {names.shortened(after)}"
