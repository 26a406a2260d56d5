"""`prune`: an unused recording goes only if its test ran and missed nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection import prune
from openai_replay.collection.reports import Reported

_PATHS = [f"{letter}.json" for letter in "abcdef"]
_TESTS = st.sampled_from([None, "one", "two", "three"])


@given(
    st.frozensets(st.sampled_from(_PATHS)),
    st.frozensets(_TESTS),
    st.frozensets(_TESTS),
    st.dictionaries(st.sampled_from(_PATHS), _TESTS),
)
def test_each_unused_recording_goes_or_is_kept_for_one_reason(
    unused: frozenset[str],
    seen: frozenset[str | None],
    missed: frozenset[str | None],
    test_ids: dict[str, str | None],
) -> None:
    planned = prune.plan(Reported(unused, seen | missed, missed, ()), test_ids)
    kept = {
        path
        for group in (planned.kept_unseen, planned.kept_missed)
        for paths in group.values()
        for path in paths
    }
    assert kept.isdisjoint(planned.remove)
    assert kept | set(planned.remove) == unused & test_ids.keys()
    assert {test_ids[path] for path in planned.remove} <= seen - missed
    assert planned.kept_missed.keys() <= missed


def test_many_tests_are_named_in_part() -> None:
    assert prune.named([None]) == "requests without a test id"
    assert prune.named("gfedcba", most=2) == "a, b, and 5 more"
