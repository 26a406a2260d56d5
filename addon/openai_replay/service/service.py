"""The parts that replay and record for any server: settings, store, recorder, replayer, report and control page.

`Run` lives as long as the process and outlives a change of options; a `Service` belongs to one set of options.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from ..errors import OpenAIReplayError
from ..format.recording import JSON
from ..front_end import FrontEnd
from ..options import Mode, Settings
from ..record.recorder import FileChanges, Recorder
from ..replay.positions import Positions
from ..replay.replayer import Replayer
from ..replay.shared_run import SharedPositions, SharedReport, is_first_to_say, is_last, shared_folder
from ..report import Report
from ..request.identity import ApiRequest, describe_sent
from ..request.rules import Rules, RuleUse
from ..request.secret_gate import SecretGate
from ..store.claim import Claim
from ..store.files import holds_recording
from ..store.index import Index, cache_folder
from ..store.store import Store
from ..store.watch import FolderWatch
from ..trouble.made_headers import Allowance
from ..trouble.terms import NO_OWN_HEADERS, OwnHeaders
from . import control
from .aliases import Aliases, SharedAliases
from .fault_use import FaultUse
from .metrics import CONTENT_TYPE, exposition
from .progress import Progress, SharedProgress
from .request_log import Outcome, RequestLine, RequestLog
from .worker import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """The parts that live as long as the process.

    `shared` is the folder that several workers share, None for a single process. `said` has the warnings that were
    given and are not to be repeated.
    """

    shared: Path | None
    report: Report
    positions: Positions
    worker: Worker = field(default_factory=Worker)
    said: set[str] = field(default_factory=set)
    aliases: Aliases = field(default_factory=Aliases)
    progress: Progress = field(default_factory=Progress)
    allowance: Allowance = field(default_factory=Allowance)
    requests: RequestLog = field(default_factory=RequestLog)
    secrets: SecretGate = field(default_factory=SecretGate)
    front_end: FrontEnd = FrontEnd.MITMDUMP

    @classmethod
    def new(cls, environment: Mapping[str, str], *, logs_requests: bool = True) -> Self:
        """Return the parts of a run: this process's alone, or shared with other workers of `serve --workers`.

        Args:
            logs_requests: each request gets a line in the log if the environment does not say.
        """
        folder = shared_folder(environment)
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        requests = RequestLog.of(environment, is_terminal=is_terminal, is_usual=logs_requests)
        front_end = FrontEnd.of(environment)
        if folder is None:
            return cls(None, Report(), Positions(), requests=requests, front_end=front_end)
        return cls(
            folder,
            SharedReport(folder),
            SharedPositions(folder),
            aliases=SharedAliases(folder),
            progress=SharedProgress(folder),
            requests=requests,
            front_end=front_end,
        )

    def is_first_to_say(self, text: str) -> bool:
        """Tell whether no other process of the run has said a text."""
        return self.shared is None or is_first_to_say(self.shared, text)

    def ends_now(self) -> bool:
        """Tell whether the run ends with this process, which ends now: other workers would go on."""
        return self.shared is None or is_last(self.shared)


@dataclass(frozen=True, slots=True)
class Service:
    """All that exists only while the options make sense."""

    run: Run
    settings: Settings
    rules: Rules
    store: Store
    recorder: Recorder
    replayer: Replayer
    rule_use: RuleUse
    fault_use: FaultUse

    @classmethod
    def opened(
        cls, run: Run, settings: Settings, environment: Mapping[str, str], watch: FolderWatch | None = None
    ) -> Self:
        """Return the service of checked options; its index is kept in the cache folder that the environment names."""
        rules = Rules(settings.ignore, settings.redactor)
        index = Index(settings.directory, rules, cache_folder(environment))
        is_recording = settings.mode in (Mode.RECORD, Mode.RECORD_IF_MISSING)
        claim = Claim(settings.directory) if is_recording else None
        if claim is not None:
            run.worker.submit(claim.begin)
        store = Store(settings.directory, rules, index, watch, claim)
        recorder = Recorder(store, replaces_any=settings.replaces_any)
        replayer = Replayer(store, settings.test_match, run.positions, run.worker.call)
        use = RuleUse(rules), FaultUse(settings.terms.faults)
        return cls(run, settings, rules, store, recorder, replayer, *use)

    def point_out_empty_folder(self) -> None:
        """Say in the log that there is nothing to replay."""
        if self.settings.mode is Mode.REPLAY and not holds_recording(self.settings.directory):
            advice = self.run.front_end.reworded("Record first, with recording_mode=record")
            folder = str(self.settings.directory)
            self._say_for_all("recording_dir=%r has no recording: each request will miss. %s", folder, advice)

    def _say_for_all(self, warning: str, *values: object) -> None:
        """Log a warning that each process of a run has reason to give, in the first of them."""
        text = warning % values
        if self.run.is_first_to_say(text):
            log.warning("%s", text)

    def announce_terms(self) -> None:
        """Say in the log that answers are delayed or get faults, so that these are not taken for findings."""
        terms, mode = self.settings.terms, self.settings.mode
        if terms.are_plain():
            return
        if mode in (Mode.REPLAY, Mode.RECORD_IF_MISSING):
            self._say_for_all("Recorded answers are not sent as they were: %s.", terms.summary())
        else:
            self._say_for_all(
                "recording_mode=%s sends the API's answers as they are: %s has no effect.",
                mode.value,
                terms.summary(),
            )

    def say_once(self, warning: str, *values: object) -> None:
        """Log a warning, if it is the first of its kind in this run; `values` are its arguments."""
        if warning not in self.run.said:
            self.run.said.add(warning)
            if self.run.is_first_to_say(warning):
                log.warning("%s (This is said once.)", warning % values)

    def say_without_effect(self, headers: OwnHeaders, reason: str) -> None:
        """Say once that the headers of a request for pacing and faults change nothing, and why."""
        if headers != NO_OWN_HEADERS:
            self.say_once("X-Replay-Pacing and X-Replay-Fault have no effect on %s.", reason)

    def _rules_without_effect(self) -> list[str]:
        """Return a line for each rule of an option that had no effect in this run."""
        if self.run.shared is not None:
            return []  # one of several workers may have had none of the requests that a rule is for
        ignore = [
            f"recording_ignore={text!r} matched nothing in this run's requests."
            for text in self.rule_use.unused()
        ]
        return [*ignore, *self.fault_use.without_effect()]

    def close(self) -> None:
        """Close the index and give the folder back, behind all work that still needs them."""
        self.run.worker.submit(self.store.index.close)
        if self.store.claim is not None:
            self.run.worker.submit(self.store.claim.end)

    def describe(
        self, method: str, url: str, body: JSON, test_id: str | None, credentials: Sequence[str]
    ) -> ApiRequest:
        """Return a request as matching sees it, its secrets taken out.

        Args:
            url: with the name of the recorded host.
            body: as `parse_body` or a parser of uploads gave it.
            credentials: the values of the request's credential headers.
        """
        described = describe_sent(method, url, body, test_id, self.rules, credentials)
        self.rule_use.note(described.body)
        return described

    def test_id(self, given: str | None, credentials: Sequence[str]) -> str | None:
        """Return the test that a request belongs to, without the request's secrets.

        Args:
            given: the test id that came with the request, if one did.
        """
        test_id = self.run.aliases.resolve(given) or self.settings.test_id
        return None if test_id is None else self.rules.redactor.text(test_id, credentials)

    def name_of(self, path: Path) -> str:
        """Return a recording's path as the report has it: relative to the folder."""
        return path.as_posix().removeprefix(f"{self.store.directory.as_posix()}/")

    def recorded(self, api_request: ApiRequest, path: Path | None, status: int) -> None:
        """Take note of a recorded exchange, and of the status of its answer.

        `path` is None where its answer equals the previous one and needs no file.
        """
        self.run.report.take_back_given_up(api_request.test_id, api_request.name())
        if path is None:
            self.run.report.add_equal(api_request.test_id)
        else:
            self.run.report.add_recorded(api_request.test_id, self.name_of(path), status)

    def files_changed(self, changes: FileChanges) -> None:
        """Take note of recordings of this run that have another name now, are gone, or were written late."""
        for path, target in changes.renamed:
            self.run.report.rename(self.name_of(path), None if target is None else self.name_of(target))
        for ticket in changes.late:
            if ticket.path is not None:
                self.run.report.add_late(ticket.api_request.test_id, self.name_of(ticket.path), ticket.status)
        for ticket in changes.retried:
            self.run.report.add_retried(ticket.api_request.test_id, had_file=ticket.path is not None)

    def not_recorded(
        self, api_request: ApiRequest, reason: str, *, may_be_retried: bool = False, is_lost: bool = False
    ) -> None:
        """Say in the log and the report that an exchange passed and could not be recorded.

        Args:
            may_be_retried: the client gave up, and a later request of it may be recorded in the place of this one.
            is_lost: the recording could not be written.
        """
        log.error("Not recorded: %s: %s", api_request.reference(), reason)
        request = api_request.name() if may_be_retried else ""
        self.run.report.add_not_recorded(
            api_request.test_id, api_request.operation(), reason, given_up=request, is_lost=is_lost
        )
        self.run.requests.write(RequestLine(Outcome.NOT_RECORDED, api_request.label(), api_request.test_id))

    # --- the control page ---

    def is_own_name(self, host: str) -> bool:
        """Tell whether a Host header names a recorded host, as clients of a base URL may keep it."""
        return any(self.settings.is_recorded(host, port) for port in (443, 80))

    async def control_answer(self, method: str, target: str, refusal: str = "") -> control.Answer:
        """Answer a request to the proxy itself.

        Args:
            target: path and query.
            refusal: why a page in a browser must not ask this, see `control.refusal_of`.
        """
        if refusal:
            return control.refused(refusal)
        command = control.command(method, self.rules.redactor.text(target))
        if command.name == "metrics":
            totals = await self._asked_of_report(self.run.report.totals)
            return control.Answer(200, exposition(totals, *self.run.progress.totals()), CONTENT_TYPE)
        if command.name == "reset":
            await self._reset(command.scope)
        elif command.name == "alias":
            self.run.aliases.set(command.alias, command.scope.test_id)
        reported = await self._reported(command.scope) if command.name == "report" else None
        return control.Answer(command.status, control.body(command, reported))

    async def _reset(self, scope: control.Scope) -> None:
        # On the worker's thread, so that exchanges still being written belong to the run that ends.
        await self.run.worker.call(partial(self.recorder.reset, scope.test_id, all_tests=scope.all_tests))
        reset_positions = partial(self.run.positions.reset, scope.test_id, all_tests=scope.all_tests)
        reset_report = partial(self.run.report.reset, scope.test_id, all_tests=scope.all_tests)
        await self._asked_of_report(reset_positions)
        await self._asked_of_report(reset_report)

    async def _asked_of_report[T](self, work: Callable[[], T]) -> T:
        """Ask a report of this process here, and one of several processes, which reads files, off the event loop."""
        return work() if self.run.shared is None else await self.run.worker.call(work)

    async def _reported(self, scope: control.Scope) -> dict[str, JSON]:
        paths = await self.run.worker.call(self.store.index.paths)
        mode = self.settings.mode.value
        to_json = partial(self.run.report.to_json, mode, paths, scope.test_id, all_tests=scope.all_tests)
        reported = await self._asked_of_report(to_json)
        if scope.all_tests and (lines := self._rules_without_effect()):
            reported["rules_without_effect"] = [*lines]
        return await self.run.worker.call(partial(self.run.secrets.json, reported, self.rules.redactor))

    async def _sum_up(self) -> None:
        """Say the counts of the run, as `openai-replay run` does; the last of several workers says those of all."""
        if self.run.front_end in (FrontEnd.SERVE, FrontEnd.ENGINE) and self.run.ends_now():
            # Imported at the end: each start would wait for it.
            from ..report_files.summary import summary

            with suppress(OSError, OpenAIReplayError):  # the folder may be gone
                totals: Any = (await self._reported(control.Scope()))["totals"]
                log.info("%s", summary(totals))

    async def finish(self) -> None:
        """Wait for all writing, say the counts, and write the report of `recording_report`."""
        for line in self._rules_without_effect():
            log.warning("%s", line)
        await self._sum_up()
        await self.run.worker.call(partial(self.store.index.discard_if_it_holds, self.run.secrets.needles()))
        path = self.settings.report
        if path is not None:
            # Imported late: few runs write a report, and each start would wait for it.
            from ..report_files.files import report_file

            try:
                reported = await self._reported(control.Scope())
                content = report_file(path, reported, self.store.directory)
                path.write_bytes(self.run.secrets.content(content, self.rules.redactor))
            except (OSError, OpenAIReplayError) as exc:
                log.error("The report could not be written to %s: %s", path, exc)
