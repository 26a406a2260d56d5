"""Fixtures that the tests of the core share. None of them knows mitmproxy, a network beyond loopback, or a pause."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from openai_replay.options import MatchPolicy as Match
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from unit.exchanges import NO_RULES, Replay

# HYPOTHESIS_PROFILE=deep looks longer; either finds the same in each run.
_COMMON = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("fast", _COMMON, max_examples=60)
settings.register_profile("deep", _COMMON, max_examples=2000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

type OpenStore = Callable[..., Store]
type StartReplay = Callable[..., Replay]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of recordings."""
    path = tmp_path / "recordings"
    path.mkdir()
    return path


@pytest.fixture
def open_store(folder: Path) -> Iterator[OpenStore]:
    """Opens stores of that folder, each as a new process would."""
    with ExitStack() as opened:

        def open_one(rules: Rules = NO_RULES, cache: Path | None = None) -> Store:
            index = Index(folder, rules, cache)
            opened.enter_context(closing(index))
            return Store(folder, rules, index)

        yield open_one


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    """One store of that folder, its index in memory."""
    return open_store()


@pytest.fixture(params=[False, True], ids=["looked-at", "watched"])
def start_replay(folder: Path, request: pytest.FixtureRequest) -> Iterator[StartReplay]:
    """Starts runs that replay that folder, each as a new process would; the folder is watched, or looked at."""
    with ExitStack() as opened:

        def start(match: Match = Match.PREFER, rules: Rules = NO_RULES) -> Replay:
            replay = Replay(folder, match, rules, is_watched=request.param)
            opened.enter_context(closing(replay))
            return replay

        yield start
