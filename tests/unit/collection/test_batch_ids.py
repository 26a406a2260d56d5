"""`batch_ids`: a test id goes into a custom id and comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection import batch_ids

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.integers(0), st.none() | _TEXTS)
def test_a_test_id_comes_back(number: int, test_id: str | None) -> None:
    assert batch_ids.test_id_of(batch_ids.custom_id(number, test_id)) == test_id


@given(_TEXTS)
def test_other_ids_have_none(text: str) -> None:
    assert batch_ids.test_id_of(f"request-{text}") is None
