"""The server's messages keep their recorded distance to the client's, at any pace of the live client."""

from __future__ import annotations

from openai_replay.replay.session_schedule import SessionSchedule
from openai_replay.trouble.pacing import Times

# 0: the server's greeting. 1: a question, 2 and 3: its answer. 4 and 5: sound, 6: the answer to it.
TIMES = Times(5, (10, 1000, 1300, 1350, 5000, 6000, 6200), 7000)


def test_before_the_client_speaks_times_count_from_the_upgrade() -> None:
    assert SessionSchedule(TIMES).due_ms(0) == 10


def test_an_answer_comes_as_long_after_its_question_as_recorded() -> None:
    for asked_ms in (50.0, 1000.0, 20_000.0):
        schedule = SessionSchedule(TIMES)
        schedule.heard(1, asked_ms, is_sound=False)

        assert (schedule.due_ms(2), schedule.due_ms(3)) == (asked_ms + 300, asked_ms + 350)


def test_sound_sent_at_once_still_waits_for_the_answer() -> None:
    schedule = SessionSchedule(TIMES)
    schedule.heard(1, 1000, is_sound=False)
    schedule.heard(4, 1400, is_sound=True)
    schedule.heard(5, 1400, is_sound=True)

    assert schedule.due_ms(6) == 6200


def test_sound_that_comes_later_than_recorded_shifts_the_answer() -> None:
    schedule = SessionSchedule(TIMES)
    schedule.heard(1, 1000, is_sound=False)
    schedule.heard(5, 9000, is_sound=True)

    assert (schedule.due_ms(6), schedule.due_ms(7)) == (9200, 10_000)


def test_without_pacing_nothing_waits() -> None:
    schedule = SessionSchedule(Times(0, (0, 0), 0))
    schedule.heard(0, 700, is_sound=False)

    assert schedule.due_ms(1) == 0
