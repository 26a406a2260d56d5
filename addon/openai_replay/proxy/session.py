"""The open session: settings, store, recorder and replayer, which exist only while the options make sense.

`Run` lives as long as the proxy and outlives a change of options; a `Session` belongs to one set of options.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mitmproxy import http

from ..errors import OpenAIReplayError
from ..format.recording import JSON, dump_json
from ..options import Settings
from ..record.recorder import Recorder
from ..replay.positions import Positions
from ..replay.replayer import Replayer
from ..replay.shared_run import SharedPositions, SharedReport, shared_folder
from ..report import Report
from ..request.body import opaque_body, parse_body
from ..request.identity import ApiRequest, describe
from ..request.rules import Rules
from ..store.index import Index, cache_folder
from ..store.store import Store
from . import control
from .flow_state import FlowState
from .hosts import url_of
from .own_origin import BreakingOrigin
from .worker import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """The parts that live as long as the proxy. `shared` is the folder that several workers share, if there is one."""

    shared: Path | None
    report: Report
    positions: Positions
    origin: BreakingOrigin = field(default_factory=BreakingOrigin)
    worker: Worker = field(default_factory=Worker)


def new_run(environment: Mapping[str, str]) -> Run:
    """Return the parts of a run: this process's alone, or shared with other workers of `serve --workers`."""
    folder = shared_folder(environment)
    if folder is None:
        return Run(None, Report(), Positions())
    return Run(folder, SharedReport(folder), SharedPositions(folder))


@dataclass(frozen=True, slots=True)
class Session:
    """All that exists only while the options make sense."""

    run: Run
    settings: Settings
    rules: Rules
    store: Store
    recorder: Recorder
    replayer: Replayer

    def close(self) -> None:
        """Close the index, behind all work that still needs it."""
        self.run.worker.submit(self.store.index.close)

    def describe(self, flow: http.HTTPFlow, state: FlowState) -> ApiRequest:
        """Return a request as matching sees it, its secrets taken out. Worked out once per flow."""
        if state.api_request is None:
            state.api_request = self._described(flow.request, state)
        return state.api_request

    def _described(self, request: http.Request, state: FlowState) -> ApiRequest:
        redactor = self.rules.redactor
        if state.upload is not None:
            body = state.upload.result() or opaque_body(b"")
        else:
            content = request.get_content(strict=False) or b""
            body = parse_body(content, request.headers.get("content-type", ""))
        url = redactor.text(url_of(request, self.settings), state.credentials)
        return describe(
            request.method, url, redactor.json(body, state.credentials), state.test_id, self.rules
        )

    def name_of(self, path: Path) -> str:
        """Return a recording's path as the report has it: relative to the folder."""
        return path.as_posix().removeprefix(f"{self.store.directory.as_posix()}/")

    def not_recorded(self, api_request: ApiRequest, reason: str) -> None:
        """Say in the log and the report that an exchange passed and could not be recorded."""
        what = f"{api_request.method} {api_request.endpoint()}"
        log.error("Not recorded: %s (request %s): %s", what, api_request.name()[:12], reason)
        self.run.report.add_not_recorded(api_request.test_id, what, reason)

    # --- the control page ---

    async def control_answer(self, method: str, target: str) -> tuple[int, bytes]:
        """Return status and JSON text for a request to the proxy itself; `target` is path and query."""
        command = control.command(method, target)
        if command.name == "reset":
            await self._reset(command.scope)
        reported = await self._reported(command.scope) if command.name == "report" else None
        return command.status, control.body(command, reported)

    async def _reset(self, scope: control.Scope) -> None:
        # On the worker's thread, so that exchanges still being written belong to the run that ends.
        await self.run.worker.call(partial(self.recorder.reset, scope.test_id, all_tests=scope.all_tests))
        self.run.positions.reset(scope.test_id, all_tests=scope.all_tests)
        self.run.report.reset(scope.test_id, all_tests=scope.all_tests)

    async def _reported(self, scope: control.Scope) -> JSON:
        paths = await self.run.worker.call(self.store.index.paths)
        mode = self.settings.mode.value
        return self.run.report.to_json(mode, paths, scope.test_id, all_tests=scope.all_tests)

    async def finish(self) -> None:
        """Wait for all writing, and write the report where `recording_report` names a file."""
        await self.run.worker.call(lambda: None)
        path = self.settings.report
        if path is not None:
            try:
                path.write_bytes(dump_json(await self._reported(control.Scope())))
            except (OSError, OpenAIReplayError) as exc:
                log.error("The report could not be written to %s: %s", path, exc)


def open_session(run: Run, settings: Settings, environment: Mapping[str, str]) -> Session:
    """Return the session of checked options; the index is kept in the cache folder that the environment names."""
    rules = Rules(settings.ignore, settings.redactor)
    store = Store(settings.directory, rules, Index(settings.directory, rules, cache_folder(environment)))
    replayer = Replayer(store, settings.test_match, run.positions, run.worker.call)
    return Session(run, settings, rules, store, Recorder(store), replayer)
