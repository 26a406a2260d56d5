"""`openai-replay drift`: compare live answers with recorded ones by their shapes."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

import click

from ..collection.drift import Choice, Drifted, choose, drifted
from ..collection.folder import recording_paths
from ..collection.importing import Importer
from ..collection.overview import commit_times
from ..collection.shapes import Shape, shape_of
from ..errors import BadOption, BadRecording
from ..format.short_text import number_of
from ..options import Settings
from ..record.raw_exchange import RawExchange, header
from ..record.recorder import Recorder
from ..request.identity import ApiRequest, describe
from ..store.store import Stored
from .ask_api import Api, NotAnswered
from .command_line import DIRECTORY, folder_settings, guarded
from .first_notes import MOST_NAMED, by_reason, say_first
from .opened_folder import OpenedFolder, opened_folder
from .printed import without_secrets
from .progress import counted
from .run import say

_UNCHANGED, _CHANGED, _TROUBLE = 0, 1, 2

_KEY = "OPENAI_API_KEY"

_AGE = re.compile(r"([0-9]+)(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_HOUR_S = 3600

_HTTPS_PORT = 443


@click.command("drift")
@DIRECTORY
@click.option("--sample", metavar="N|N%", help="Ask so many of the recordings, or such a part of them.")
@click.option("--older-than", metavar="AGE", help="Ask recordings older than this: 12h, 30d, 8w.")
@click.option("--endpoint", metavar="PATTERN", help="Ask recordings of these endpoints.")
@click.option(
    "--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Ask no more than costs about this."
)
@click.option("--seed", type=int, help="Take the same sample each time.")
@click.option("--update", is_flag=True, help="Record changed answers again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def drift_command(
    directory: str | None,
    sample: str | None,
    older_than: str | None,
    endpoint: str | None,
    max_cost: float | None,
    seed: int | None,
    update: bool,
    as_json: bool,
) -> None:
    """Ask the API again, and show changed shapes.

    Live answers are compared with the recorded ones.

    Shapes are members, types, events and classes of errors, not words. OPENAI_API_KEY must be set; each request is paid
    for. Uploads, and requests that refer to objects of an account, cannot be asked again and are named.

    \b
    The exit status is 0 if nothing changed, 1 if something did, 2 if the API could not be asked.

    \b
    Examples:
      openai-replay drift --sample 20 --max-cost 0.50
      openai-replay drift --older-than 30d --update
    """

    def checked() -> int:
        settings = folder_settings(directory)
        api = Api(_key(os.environ))
        with opened_folder(settings) as folder:
            wanted = _listed(settings.directory, folder, endpoint, _oldest(older_than))
            listed = [*_of_recorded_hosts(wanted, settings)]
            choice = choose(listed, sample=_sample(sample), max_cost=max_cost, seed=seed)
            answers, failures = _asked(api, choice)
            shapes = {path: _shape(answer) for path, answer in answers.items()}
            others = [question for question in choose(listed).questions if question.key() not in shapes]
            found = drifted(shapes, choice.questions, others)
            _tell(choice, found, failures, as_json=as_json)
            if update:
                _update(_importer(folder, settings), found, answers)
        return _CHANGED if found else _TROUBLE if failures else _UNCHANGED

    sys.exit(guarded(checked, _TROUBLE))


def _importer(folder: OpenedFolder, settings: Settings) -> Importer:
    recorder = Recorder(folder.store)
    return Importer(recorder, folder.rules, settings.is_recorded, keeps_ids=settings.keeps_ids)


def _key(environment: Mapping[str, str]) -> str:
    key = environment.get(_KEY, "")
    if not key:
        raise BadOption(f"{_KEY} is not set: expected a key, for the API is asked again")
    return key


def _sample(text: str | None) -> float | None:
    if text is None:
        return None
    number = text.removesuffix("%")
    if not number.isdecimal() or int(number) == 0 or (text != number and int(number) > 100):
        raise BadOption(f"--sample {text!r}: expected a number such as 20, or a part such as 10%")
    if text == number:
        return float(number)
    return None if number == "100" else int(number) / 100


def _oldest(text: str | None) -> float | None:
    """Return the time, in seconds since 1970, that recordings have to be older than."""
    if text is None:
        return None
    match = _AGE.fullmatch(text)
    if match is None:
        raise BadOption(f"--older-than {text!r}: expected an age such as 12h, 30d or 8w")
    return time.time() - int(match[1]) * _HOURS[match[2]] * _HOUR_S


def _listed(
    directory: Path, folder: OpenedFolder, endpoint: str | None, before: float | None
) -> Iterator[tuple[Stored, ApiRequest]]:
    commits = commit_times(directory)
    for path in recording_paths(directory):
        full_path = directory / path
        try:
            stored = folder.store.read_existing(full_path)
        except BadRecording:
            continue  # `check` names it
        request = stored.recording.request
        is_old = before is None or (commits.get(path) or full_path.stat().st_mtime) < before
        if is_old and (endpoint is None or fnmatchcase(request.endpoint, endpoint)):
            test_id = stored.recording.test_id
            yield stored, describe(request.method, request.url, request.body, test_id, folder.rules)


def _of_recorded_hosts(
    listed: Iterable[tuple[Stored, ApiRequest]], settings: Settings
) -> Iterator[tuple[Stored, ApiRequest]]:
    """Yield the recordings of recorded hosts over https: no other host gets the key."""
    for stored, api_request in listed:
        parts = urlsplit(api_request.url)
        if parts.scheme == "https" and settings.is_recorded(parts.hostname or "", parts.port or _HTTPS_PORT):
            yield stored, api_request
        else:
            say(f"not asked: {stored.path.name}: the key is for recorded hosts, over https alone")


def _asked(api: Api, choice: Choice) -> tuple[dict[str, RawExchange], list[str]]:
    answers: dict[str, RawExchange] = {}
    failures: list[str] = []
    for question in counted(choice.questions, "requests sent", len(choice.questions)):
        try:
            answers[question.key()] = api.ask(question.api_request)
        except NotAnswered as exc:
            failures.append(f"{question.path()}: {exc}")
    return answers, failures


def _shape(answer: RawExchange) -> Shape:
    return shape_of(answer.status, header(answer.response_headers, "content-type"), answer.response_body)


def _tell(choice: Choice, found: Sequence[Drifted], failures: Sequence[str], *, as_json: bool) -> None:
    for left_out in by_reason(choice.left_out):
        say_first("not asked", left_out, MOST_NAMED)
    for failure in failures:
        say(f"not answered: {failure}")
    for one in found:
        if as_json:
            click.echo(without_secrets(json.dumps(one.to_json(), ensure_ascii=False)))
            continue
        click.echo(without_secrets(one.operation))
        for change in one.changes:
            click.echo(without_secrets(f"  {change}"))
    cost = sum(question.cost for question in choice.questions)
    asked = len(choice.questions) - len(failures)
    say(
        f"{number_of(asked, 'request')} asked for about ${cost:.2f}, {number_of(len(found), 'operation')} changed"
    )


def _update(importer: Importer, found: Sequence[Drifted], answers: Mapping[str, RawExchange]) -> None:
    for question in (question for one in found for question in one.questions):
        answer = answers[question.key()]
        if question.is_series:
            say(f"not recorded anew: {question.path()} begins a series, which your tests have to record")
        elif answer.status >= 400:
            say(f"not recorded anew: {question.path()} would become an error {answer.status}")
        else:
            importer.take(answer, question.api_request.test_id)
    for problem in importer.finish().problems:
        say(f"not recorded anew: {problem}")
    say(f"{number_of(importer.imported.exchanges, 'recording')} made anew")
