"""A recorded session and how it is served: its pacing, and the fault in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..format import delays
from ..format.recording import Messages
from ..request.identity import ApiRequest
from ..store.store import Stored
from ..trouble.fault_rules import FaultRule
from ..trouble.pacing import Times
from ..trouble.retry_after import capped
from ..trouble.session_times import session_times
from ..trouble.terms import Terms
from ..wire.session_messages import CLIENT
from . import faults
from .answer import render
from .delivery import Delivery, at_once
from .session_faults import REFUSING, suits


@dataclass(frozen=True, slots=True)
class SessionDelivery:
    """A session whose upgrade is accepted. See `Delivery` for `is_paced`, `lacks_times` and `passed_over`.

    `others` are the other recordings of the upgrade; one may go on in its place, see `session_choice.py`.
    """

    stored: Stored
    times: Times
    fault_rule: FaultRule | None = None
    is_paced: bool = False
    lacks_times: bool = False
    passed_over: str = ""
    others: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The recording."""
        return self.stored.path

    @property
    def fault(self) -> str:
        """The kind of the injected fault, "" without one."""
        return "" if self.fault_rule is None else self.fault_rule.kind.value

    @property
    def rule(self) -> str:
        """The text of the fault's rule, "" without one."""
        return "" if self.fault_rule is None else self.fault_rule.text

    def chunks(self) -> int:
        """Return how many messages the server sends."""
        return _sides(self.stored).count(False)


def rule_for_session(firing: Iterable[FaultRule], stored: Stored) -> FaultRule | None:
    """Return the first of some rules that suits a recorded session, None without one."""
    messages = _sides(stored).count(False)
    return next((rule for rule in firing if suits(rule, messages)), None)


def session_delivery(
    stored: Stored,
    api_request: ApiRequest,
    terms: Terms,
    rule: FaultRule | None,
    firing: Sequence[FaultRule],
) -> SessionDelivery | Delivery:
    """Return how a recorded session is served; an answer of HTTP where the upgrade is refused.

    Args:
        rule: of the fault to be put in.
        firing: all rules whose turn it is; without one that suits, the first of them is passed over.

    Raises:
        BadRecording: the recorded refusal of the upgrade cannot be sent.
    """
    if rule is not None and rule.kind in REFUSING:
        failed = faults.apply(
            rule, Delivery(stored.path, stored.recording.response.sent_status(), (), (), ())
        )
        return replace(failed, headers=capped(failed.headers, terms.most_wait_s))
    if not isinstance(stored.recording.response.content(), Messages):
        return at_once(render([stored], api_request))
    recorded_ms = delays.decode(stored.recording.response.wire.get(delays.NAME))
    draw_key = f"{api_request.test_id or ''}\n{api_request.identity.key}"
    times = session_times(terms.pacing, recorded_ms, _sides(stored), draw_key)
    lacks_times = terms.pacing.needs_recorded_times() and not recorded_ms
    passed_over = firing[0].text if firing and rule is None else ""
    return SessionDelivery(stored, times, rule, not times.is_instant(), lacks_times, passed_over)


def _sides(stored: Stored) -> list[bool]:
    """Return for each message of a session whether the client sent it; [] for a refused upgrade."""
    content = stored.recording.response.content()
    if not isinstance(content, Messages):
        return []
    return [isinstance(item, dict) and item.get("from") == CLIENT for item in content.items]
