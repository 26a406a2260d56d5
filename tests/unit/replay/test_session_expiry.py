"""The times at which a replayed session expires lie in the future, as far apart as recorded."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.replay.session_expiry import LIFETIME_S, SessionExpiry

UPGRADE_S = 1_900_000_000.75
MOVED = 1_900_000_000 + LIFETIME_S


def created(expires_at: Any, **more: Any) -> dict[str, Any]:
    return {"type": "session.created", "session": {"id": "sess_1", "expires_at": expires_at, **more}}


def test_the_session_expires_an_hour_after_the_upgrade() -> None:
    assert SessionExpiry(UPGRADE_S).moved(created(1_700_000_000)) == created(MOVED)


def test_all_times_move_by_the_same() -> None:
    expiry = SessionExpiry(UPGRADE_S)
    key = {"client_secret": {"value": "REDACTED", "expires_at": 1_699_999_000}}

    assert expiry.moved(created(1_700_000_000, **key)) == created(
        MOVED, client_secret={"value": "REDACTED", "expires_at": MOVED - 1000}
    )
    assert expiry.moved([created(1_700_000_060)]) == [created(MOVED + 60)]


@pytest.mark.parametrize("value", [None, 0, -1, True, "1700000000", 1.5])
def test_other_values_stay(value: Any) -> None:
    assert SessionExpiry(UPGRADE_S).moved(created(value)) == created(value)


def test_what_a_model_said_about_it_stays() -> None:
    message: dict[str, Any] = {"type": "response.output_text.delta", "delta": '{"expires_at": 1700000000}'}

    assert SessionExpiry(UPGRADE_S).moved(message) == message
