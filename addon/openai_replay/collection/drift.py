"""Chooses recordings to ask the API again, and compares the shapes of its answers with the recorded ones."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import BadRecording
from ..format.recording import JSON, Recording
from ..record.raw_exchange import NotTaken
from ..replay.answer import Answer, render
from ..request.identity import ApiRequest
from ..store import names
from ..store.store import Stored
from .prices import cost_of
from .shapes import Change, Shape, changes, shape_of

# Endpoints whose answer follows from the request's body alone (https://platform.openai.com/docs/api-reference).
_BY_BODY = re.compile(
    r".*/(chat/completions|completions|embeddings|moderations|responses|responses/input_tokens|images/generations|"
    r"audio/speech)"
)
_LISTS = re.compile(r".*/models")

# Failures that may be over by now, besides failures of the server.
_PASSING = frozenset((408, 409, 429))
_SERVER_FAILURE = 500

# Members of a body that refer to objects of the account that the recording was made with.
_REFERENCES = ("previous_response_id", "conversation", "file_ids", "vector_store_ids")

_REDACTED = "REDACTED"


@dataclass(frozen=True, slots=True)
class Question:
    """A recording that can be asked again, with the recorded answer's shape and the cost of asking, in US dollars."""

    stored: Stored
    api_request: ApiRequest
    answer: Answer
    shape: Shape
    cost: float
    is_series: bool

    def path(self) -> str:
        """Return the name of the recording's file."""
        return self.stored.path.name

    def key(self) -> str:
        """Return the whole path of the recording's file, for subfolders may have files of one name."""
        return str(self.stored.path)

    def operation(self) -> str:
        """Return the key of answers of one kind: method, endpoint, and whether it is a stream."""
        kind = " (stream)" if self.answer.is_stream else ""
        return f"{self.api_request.operation()}{kind}"


@dataclass(slots=True)
class Choice:
    """The questions of one check, and the recordings that are not asked, with reasons."""

    questions: list[Question] = field(default_factory=list)
    left_out: list[NotTaken] = field(default_factory=list)


def choose(
    recordings: Iterable[tuple[Stored, ApiRequest]],
    *,
    sample: float | None = None,
    max_cost: float | None = None,
    seed: int | None = None,
) -> Choice:
    """Return the questions for some recordings.

    Args:
        sample: how many of them, or below 1 which part; None for all.
        max_cost: the most that all together may cost, in US dollars.
        seed: makes the sample the same each time.
    """
    choice = Choice()
    for question in _questions(recordings, choice.left_out):
        choice.questions.append(question)
    if sample is not None:
        count = round(sample * len(choice.questions)) if sample < 1 else round(sample)
        chosen = random.Random(seed).sample(choice.questions, min(max(count, 1), len(choice.questions)))
        choice.questions = sorted(chosen, key=Question.key)
    return choice if max_cost is None else _within(choice, max_cost)


def _within(choice: Choice, max_cost: float) -> Choice:
    spent = 0.0
    result = Choice(left_out=choice.left_out)
    for question in choice.questions:
        if spent + question.cost > max_cost:
            reason = f"asking it would cost about ${question.cost:.4f}, more than is left of --max-cost"
            result.left_out.append(NotTaken(question.path(), reason))
            continue
        spent += question.cost
        result.questions.append(question)
    return result


def _questions(
    recordings: Iterable[tuple[Stored, ApiRequest]], left_out: list[NotTaken]
) -> Iterator[Question]:
    listed = [*recordings]
    counts: dict[str, int] = defaultdict(int)
    for stored, _ in listed:
        counts[names.split_number(str(stored.path))[0]] += 1
    for stored, api_request in listed:
        base, number = names.split_number(str(stored.path))
        if number > 1:
            continue  # the first of a series stands for it
        if reason := obstacle(stored.recording):
            left_out.append(NotTaken(f"{stored.path.name} ({api_request.operation()})", reason))
            continue
        try:
            answer = render([stored], api_request)
        except BadRecording as exc:
            left_out.append(NotTaken(stored.path.name, exc.problem))
            continue
        yield Question(
            stored, api_request, answer, _shape(answer), cost_of(stored.recording), counts[base] > 1
        )


def _shape(answer: Answer) -> Shape:
    content_type = next((value for name, value in answer.headers if name == "content-type"), "")
    return shape_of(answer.status, content_type, b"".join(answer.pieces))


def obstacle(recording: Recording) -> str:
    """Return why a recording cannot be asked again, "" if it can."""
    request = recording.request
    status = recording.response.sent_status()
    if status in _PASSING or status >= _SERVER_FAILURE:
        return f"it is a failure that may be over by now ({status})"
    path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
    if request.method == "GET" and _LISTS.fullmatch(f"/{path}"):
        return ""
    if not isinstance(request.body, dict) or any(name.startswith("__") for name in request.body):
        return "the recording does not have the request's body, as of an upload"
    if request.method != "POST" or not _BY_BODY.fullmatch(f"/{path}"):
        return "it refers to objects of the account that it was made with"
    if recording.response.is_broken():
        return "its stream broke off"
    if any(request.body.get(name) for name in _REFERENCES):
        return "it refers to objects of the account that it was made with"
    return "its request was redacted" if _is_redacted(request.body) else ""


def _is_redacted(value: JSON) -> bool:
    if isinstance(value, dict):
        return any(_is_redacted(item) for item in value.values())
    if isinstance(value, list):
        return any(_is_redacted(item) for item in value)
    return isinstance(value, str) and _REDACTED in value


# --- comparison ---


@dataclass(frozen=True, slots=True)
class Drifted:
    """The changes of one operation, and the recordings that show one of them."""

    operation: str
    changes: Sequence[Change]
    questions: Sequence[Question]

    def to_json(self) -> dict[str, JSON]:
        """Return it for a program."""
        return {
            "operation": self.operation,
            "changes": [{"kind": one.kind, "place": one.place, "detail": one.detail} for one in self.changes],
            "recordings": [question.path() for question in self.questions],
        }


def drifted(
    answered: Mapping[str, Shape], questions: Iterable[Question], others: Iterable[Question] = ()
) -> list[Drifted]:
    """Return the operations whose answers changed.

    Args:
        answered: the shape of each live answer, by the key of the question.
        questions: the recordings that were asked.
        others: recordings that were not asked; a member that one of them has is not new.
    """
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        if question.key() in answered:
            groups[question.operation()].append(question)
    known: dict[str, list[Question]] = defaultdict(list)
    for question in others:
        known[question.operation()].append(question)
    result = []
    for operation, members in sorted(groups.items()):
        found = _changes_of(members, answered, known[operation])
        if found:
            showing = [one for one in members if _shows(one.shape, answered[one.key()], found)]
            result.append(Drifted(operation, found, showing))
    return result


def _changes_of(
    members: Sequence[Question], answered: Mapping[str, Shape], others: Sequence[Question]
) -> list[Change]:
    found = changes([one.shape for one in members], [answered[one.key()] for one in members])
    known = {place for other in others for place in other.shape.types}
    return [change for change in found if change.kind != "new" or change.place not in known]


def _shows(recorded: Shape, live: Shape, found: Iterable[Change]) -> bool:
    """Tell whether a recording differs from its live answer in one of the changes."""
    for change in found:
        match change.kind:
            case "status":
                shown = live.status == change.place and recorded.status != live.status
            case "new":
                shown = change.place in live.types
            case "gone":
                shown = change.place in recorded.types
            case _:
                shown = change.place in live.types and change.place in recorded.types
        if shown:
            return True
    return False
