"""The report of a run: replayed, recorded and missed requests, and unused recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .format import json_text
from .format.recording import JSON
from .replay.miss import Miss

# Misses beyond this many are counted, without their differences, so that a runaway client does not fill the memory.
_MOST_MISSES = 1000

# Bodies of missed requests are kept, so that `openai-replay export batch` can send them; not the large ones.
_LARGEST_BODY_BYTES = 256 * 1024
_MOST_BODY_BYTES = 32 * 1024 * 1024

# Members of a missed request's entry that say why no recording answered, where none is missing.
REASONS = frozenset({"refused", "unreadable"})


@dataclass(slots=True)
class Report:
    """The events of a run. Recordings are named by their paths in the folder."""

    replayed: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    recorded: dict[tuple[str | None, str], int] = field(default_factory=dict)
    equal: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    retried: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    not_recorded: list[dict[str, JSON]] = field(default_factory=list)
    misses: dict[tuple[str | None, str], dict[str, JSON]] = field(default_factory=dict)
    missed: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    paced: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    faulted: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    refused_upgrades: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    distrusted: Counter[str] = field(default_factory=Counter)
    other_apis: Counter[str] = field(default_factory=Counter)
    body_bytes: int = 0
    given_up: dict[tuple[str | None, str], list[dict[str, JSON]]] = field(default_factory=dict)

    def add_replayed(self, test_id: str | None, recording: str) -> None:
        """Take note that a recording answered a request of a test."""
        self.replayed[test_id, recording] += 1

    def take_back_replayed(self, test_id: str | None, recording: str) -> None:
        """Take note that a request that counts as replayed is counted otherwise now: a session that ended as a miss."""
        if self.replayed[test_id, recording] > 1:
            self.replayed[test_id, recording] -= 1
        else:
            del self.replayed[test_id, recording]

    def add_paced(self, test_id: str | None) -> None:
        """Take note that an answer took its time."""
        self.paced[test_id, ""] += 1

    def add_faulted(self, test_id: str | None, fault: str) -> None:
        """Take note that an answer had an injected fault; `fault` is its kind, such as `rate_limit`."""
        self.faulted[test_id, fault] += 1

    def add_refused_upgrade(self, test_id: str | None) -> None:
        """Take note of an upgrade to a WebSocket that recording_websocket=refuse has refused; HTTP may follow it."""
        self.refused_upgrades[test_id, ""] += 1

    def add_distrusted(self, host: str) -> None:
        """Take note of a client that did not trust the proxy's certificate for a host."""
        self.distrusted[host] += 1

    def add_other_api(self, host: str) -> None:
        """Take note that a connection in replay went to a model API that is not recorded."""
        self.other_apis[host] += 1

    def add_recorded(self, test_id: str | None, recording: str, status: int = 200) -> None:
        """Take note that a recording was written for a test; `status` is that of its answer."""
        self.recorded[test_id, recording] = status

    def add_equal(self, test_id: str | None) -> None:
        """Take note of an answer that equals the recorded one before it, and needs no file."""
        self.equal[test_id, ""] += 1

    def add_retried(self, test_id: str | None, *, had_file: bool) -> None:
        """Take note that a retry was recorded in the place of a failure; one without a file equalled another."""
        self.retried[test_id, ""] += 1
        if not had_file:
            self._take_back_equal(test_id)

    def add_late(self, test_id: str | None, recording: str, status: int) -> None:
        """Take note that an answer that equals the one before it needs a file after all: another answer followed."""
        self._take_back_equal(test_id)
        self.add_recorded(test_id, recording, status)

    def _take_back_equal(self, test_id: str | None) -> None:
        if self.equal[test_id, ""]:  # not after a reset
            self.equal[test_id, ""] -= 1

    def rename(self, recording: str, name: str | None) -> None:
        """Take note that a recording of this run has another name now, or is gone (None)."""
        for test_id in [test for test, recorded in self.recorded if recorded == recording]:
            status = self.recorded.pop((test_id, recording))
            if name is not None:
                self.recorded[test_id, name] = status

    def add_not_recorded(
        self, test_id: str | None, what: str, why: str, *, given_up: str = "", is_lost: bool = False
    ) -> None:
        """Take note that a request passed, and that its answer could not be recorded.

        Args:
            given_up: the hash of a request that its client gave up, and may send again.
            is_lost: the recording could not be written; its entry has `"lost": true`.
        """
        if len(self.not_recorded) < _MOST_MISSES:
            lost: dict[str, JSON] = {"lost": True} if is_lost else {}
            entry: dict[str, JSON] = {"test_id": test_id, "request": what, "reason": why, **lost}
            self.not_recorded.append(entry)
            if given_up:
                self.given_up.setdefault((test_id, given_up), []).append(entry)

    def take_back_given_up(self, test_id: str | None, request: str) -> None:
        """Forget that a client gave a request up: it sent the request again, and that is recorded."""
        gone = self.given_up.pop((test_id, request), [])
        self.retried[test_id, ""] += len(gone)
        self.not_recorded = [entry for entry in self.not_recorded if all(entry is not one for one in gone)]

    def add_miss(self, miss: Miss, advice: str) -> None:
        """Take note of a request without a recording, of the recording nearest to it, and of the next steps."""
        api_request = miss.api_request
        details: dict[str, JSON] = {
            "method": api_request.method,
            "endpoint": api_request.endpoint(),
            "request": api_request.name(),
            "nearest": miss.nearest,
            "differences": [difference.to_json() for difference in miss.differences],
            "advice": advice,
            "url": api_request.url,
            **self._sent(api_request.body),
        }
        self.add_missed(api_request.test_id, api_request.name(), details)

    def _sent(self, body: JSON) -> dict[str, JSON]:
        """Return the member `body`, nothing where it is too large to be kept."""
        size = len(json_text.compact(body))
        if size > _LARGEST_BODY_BYTES or self.body_bytes + size > _MOST_BODY_BYTES:
            return {}
        self.body_bytes += size
        return {"body": body}

    def add_missed(self, test_id: str | None, request: str, details: dict[str, JSON]) -> None:
        """Take note of a request without a recorded answer; `details` are the members that the report has of it.

        Further requests of the same test and the same text `request` are only counted.
        """
        self.missed[test_id, request] += 1
        if len(self.misses) < _MOST_MISSES:
            self.misses.setdefault((test_id, request), details)

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Forget everything, or the events of one test."""
        tables: tuple[dict[tuple[str | None, str], Any], ...] = (
            self.replayed,
            self.recorded,
            self.equal,
            self.retried,
            self.misses,
            self.missed,
            self.paced,
            self.faulted,
            self.refused_upgrades,
        )
        for table in tables:
            for key in [key for key in table if all_tests or key[0] == test_id]:
                del table[key]
        self.not_recorded = [
            entry for entry in self.not_recorded if not all_tests and entry["test_id"] != test_id
        ]

    def totals(self) -> dict[str, int]:
        """Return how many events of each kind there were."""
        return {
            "replayed": self.replayed.total(),
            "recorded": len(self.recorded),
            "missed": self.missed.total(),
            "not_recorded": len(self.not_recorded),
            "paced": self.paced.total(),
            "faulted": self.faulted.total(),
            **_rare(self.equal.total(), self.retried.total(), self.refused_upgrades.total()),
            **self._reasons(self.missed),
        }

    def _reasons(self, missed: Iterable[tuple[str | None, str]]) -> dict[str, int]:
        """Return how many missed requests had another reason than a missing recording, by reason."""
        counts = Counter[str]()
        for key in missed:
            for reason in REASONS & self.misses.get(key, {}).keys():
                counts[reason] += self.missed[key]
        return dict(sorted(counts.items()))

    def to_json(
        self, mode: str, recordings: Iterable[str], test_id: str | None, *, all_tests: bool
    ) -> dict[str, JSON]:
        """Return the report, of one test or of all.

        Args:
            recordings: the paths of all recordings of the folder. `unused` lists recordings without any use in this
                run, also in the report of one test.
        """
        used = {recording for _, recording in (*self.replayed, *self.recorded)}
        unused: list[JSON] = [recording for recording in sorted(recordings) if recording not in used]
        replayed = [key for key in self.replayed if all_tests or key[0] == test_id]
        recorded = [key for key in self.recorded if all_tests or key[0] == test_id]
        missed = [key for key in self.missed if all_tests or key[0] == test_id]
        paced = [key for key in self.paced if all_tests or key[0] == test_id]
        faulted = [key for key in self.faulted if all_tests or key[0] == test_id]
        not_recorded = [entry for entry in self.not_recorded if all_tests or entry["test_id"] == test_id]
        return {
            "mode": mode,
            "totals": {
                "replayed": sum(self.replayed[key] for key in replayed),
                "recorded": len(recorded),
                "missed": sum(self.missed[key] for key in missed),
                "not_recorded": len(not_recorded),
                "unused": len(unused),
                "paced": sum(self.paced[key] for key in paced),
                "faulted": sum(self.faulted[key] for key in faulted),
                **_rare(
                    *(
                        _sum(counter, test_id, all_tests)
                        for counter in (self.equal, self.retried, self.refused_upgrades)
                    )
                ),
                **self._reasons(missed),
            },
            "replayed": [
                {"recording": recording, "test_id": test, "times": self.replayed[test, recording]}
                for test, recording in replayed
            ],
            "recorded": [self._recorded(key) for key in recorded],
            "missed": [self._missed(key) for key in missed],
            "not_recorded": [*not_recorded],
            "unused": unused,
            "paced": [{"test_id": key[0], "times": self.paced[key]} for key in paced],
            "faulted": [
                {"fault": fault, "test_id": test, "times": self.faulted[test, fault]}
                for test, fault in faulted
            ],
            **({"other_apis": {**self.other_apis}} if self.other_apis and all_tests else {}),
            **({"distrusted": {**self.distrusted}} if self.distrusted and all_tests else {}),
        }

    def _recorded(self, key: tuple[str | None, str]) -> dict[str, JSON]:
        """Return a recorded exchange; that of a failed call says its status."""
        test_id, recording = key
        status = self.recorded[key]
        failed: dict[str, JSON] = {"status": status} if status >= 400 else {}
        return {"recording": recording, "test_id": test_id, **failed}

    def _missed(self, key: tuple[str | None, str]) -> dict[str, JSON]:
        test_id, request = key
        details = self.misses.get(key, {"request": request})
        return {"test_id": test_id, "times": self.missed[key], **details}


def _rare(equal: int, retried: int, refused_upgrades: int) -> dict[str, int]:
    """Return the counts of requests that left no file, where there were any.

    Args:
        equal: recorded answers that equal the one before.
        retried: failed or abandoned attempts in whose place a retry was recorded.
        refused_upgrades: upgrades to a WebSocket that an option has refused.
    """
    counts = {"equal": equal, "retried": retried, "refused_upgrades": refused_upgrades}
    return {name: count for name, count in counts.items() if count}


def _sum(counter: Counter[tuple[str | None, str]], test_id: str | None, all_tests: bool) -> int:
    return sum(count for key, count in counter.items() if all_tests or key[0] == test_id)
