"""Answer requests and remember them. Used in the thread of the server's loop only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .api.account import Account
from .api.answers import ApiError, error_answer
from .dispatch import answer_of_api, conversation_of_api
from .exchange import Answer, Outcome, Request
from .scenarios import Scenario, load_scenarios, read_scenario
from .websocket import asks_for_websocket

log = logging.getLogger(__name__)


class Service:
    """Answers from the scenarios added last, then the files', then the API's own manner.

    Args:
        folders: where scenario files are.
        changed: called after each request came in and after each was answered.
    """

    def __init__(self, folders: list[Path], changed: Callable[[], None]) -> None:
        self._folders = folders
        self._changed = changed
        self.requests: list[Request] = []
        self.reset()

    def reset(self) -> None:
        """Forget requests, added scenarios, counts, and the objects of the account."""
        self.requests.clear()
        self._account = Account()
        self._scenarios = [scenario for folder in self._folders for scenario in load_scenarios(folder)]

    def add(self, scenario: dict[str, Any]) -> None:
        """Let `scenario` answer before all others.

        Raises:
            ScenarioError: it says something that a scenario cannot say.
        """
        self._scenarios.insert(0, read_scenario(scenario))

    def answer(self, request: Request) -> Answer:
        """Note `request` and return the answer to it."""
        self.requests.append(request)
        self._changed()
        try:
            return self._answer(request)
        except Exception as error:
            # A bug of the mock (or a request that no client makes) must not leave the client waiting.
            log.exception("%s %s", request.method, request.target)
            return error_answer(ApiError(500, f"The mock API failed: {error!r}", type="server_error"))

    def report(self, request: Request, outcome: Outcome) -> None:
        """Note how the answer to `request` ended."""
        request.outcome = outcome
        self._changed()

    def _answer(self, request: Request) -> Answer:
        if scenario := self._maybe_scenario(request):
            return scenario.answer(request, self._generate)
        return self._generate(request)

    def _maybe_scenario(self, request: Request) -> Scenario | None:
        return next((scenario for scenario in self._scenarios if scenario.matches(request)), None)

    def _generate(self, request: Request) -> Answer:
        if asks_for_websocket(request):
            return conversation_of_api(request, self._account)
        return answer_of_api(request, self._account)
