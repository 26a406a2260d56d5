"""`pacing`: the forms of the option, and the times that they plan."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.trouble.pacing import (
    INSTANT,
    MadeUpDelays,
    Pacing,
    Spread,
    Times,
    parse_pacing,
    plan,
    whole_number,
)

RECORDED = (100, 120, 150, 150, 170)

PACINGS = st.sampled_from(
    ["instant", "recorded", "2x", "0.5x", "ttft=80ms,gap=12ms±20%,seed=1", "gap=5ms±100%", "ttft=1s"]
).map(parse_pacing)


@pytest.mark.parametrize(
    ("text", "pacing"),
    [
        ("instant", INSTANT),
        ("recorded", Pacing(speed=1)),
        (" 2x ", Pacing(speed=2)),
        ("0.5x", Pacing(speed=0.5)),
        (
            "ttft=80ms,gap=12ms±20%,seed=1",
            Pacing(made_up=MadeUpDelays(Spread(80), Spread(12, 0.2), 1)),
        ),
        ("gap=12ms+-20%", Pacing(made_up=MadeUpDelays(gap=Spread(12, 0.2)))),
        ("ttft=0.5s", Pacing(made_up=MadeUpDelays(ttft=Spread(500)))),
    ],
)
def test_each_form_is_read(text: str, pacing: Pacing) -> None:
    assert parse_pacing(text) == pacing


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("recoded", "unknown word 'recoded': did you mean recorded? Allowed: instant, recorded"),
        ("", "unknown word '': Allowed: instant, recorded"),
        ("0x", "expected a factor above 0, got 0x"),
        ("gap=1ms,gap=2ms", "gap: expected it once"),
        ("ttf=80ms", "unknown word 'ttf': did you mean ttft? Allowed: gap, seed, ttft"),
        ("ttft=80", "expected a duration such as 80ms, 1.5s or 2m, got '80'"),
        ("gap=12ms±20", "expected a share from 0% to 100% after ±, got '20'"),
        ("gap=12ms±120%", "expected a share from 0% to 100% after ±, got '120%'"),
        ("gap=12ms,seed=x", "expected a whole number, got 'x'"),
    ],
)
def test_another_text_is_an_error_that_shows_the_forms(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared
        parse_pacing(text)
    assert str(caught.value) == (
        f"{problem} (expected instant, recorded, a factor such as 2x, or ttft=80ms,gap=12ms±20%,seed=1)"
    )


@pytest.mark.parametrize("text", ["", "-1", "1.0", "²", "1" * 19])
def test_a_whole_number_has_only_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a whole number, got "):
        whole_number(text)


def test_instant_waits_for_nothing() -> None:
    times = plan(INSTANT, RECORDED, 3, "")
    assert times == Times(0, (0, 0, 0), 0)
    assert times.is_instant()
    assert INSTANT.is_instant()
    assert not INSTANT.needs_recorded_times()


def test_recorded_times_are_kept_and_scaled() -> None:
    assert parse_pacing("recorded").needs_recorded_times()
    assert plan(parse_pacing("recorded"), RECORDED, 3, "") == Times(100, (120, 150, 150), 170)
    assert plan(parse_pacing("2x"), RECORDED, 3, "") == Times(50, (60, 75, 75), 85)


def test_a_recording_without_times_is_sent_at_once() -> None:
    assert plan(parse_pacing("recorded"), (), 2, "") == Times(0, (0, 0), 0)


@pytest.mark.parametrize(
    ("pieces", "at"), [(0, ()), (1, (120,)), (4, (120, 150, 150, 170)), (5, (120, 150, 150, 170, 170))]
)
def test_an_edited_answer_gets_times_for_each_of_its_pieces(pieces: int, at: tuple[float, ...]) -> None:
    assert plan(parse_pacing("recorded"), RECORDED, pieces, "") == Times(100, at, 170)


def test_made_up_times_begin_with_the_first_piece() -> None:
    assert plan(parse_pacing("ttft=80ms,gap=10ms"), RECORDED, 3, "") == Times(80, (80, 90, 100), 100)


@given(PACINGS, st.lists(st.integers(0, 1000), max_size=20), st.integers(0, 20), st.text())
def test_a_plan_never_goes_back_and_is_always_the_same(
    pacing: Pacing, recorded_ms: list[int], pieces: int, draw_key: str
) -> None:
    times = plan(pacing, recorded_ms, pieces, draw_key)
    order = [times.head, *times.pieces, times.end]

    assert len(times.pieces) == pieces
    assert order == sorted(order)
    assert plan(pacing, recorded_ms, pieces, draw_key) == times


@given(st.integers(1, 50), st.floats(0, 1))
def test_drawn_gaps_stay_within_their_share(gaps: int, share: float) -> None:
    pacing = Pacing(made_up=MadeUpDelays(gap=Spread(100, share)))
    at = plan(pacing, (), gaps + 1, "").pieces
    drawn = [later - earlier for earlier, later in pairwise(at)]
    assert all(100 * (1 - share) - 1e-6 <= gap <= 100 * (1 + share) + 1e-6 for gap in drawn)


def test_another_seed_or_another_request_draws_other_delays() -> None:
    plans = {
        plan(parse_pacing(f"gap=10ms±50%,seed={seed}"), (), 5, key).pieces for seed in (1, 2) for key in "ab"
    }
    assert len(plans) == 4
