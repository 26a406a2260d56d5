"""`normal_form`: bodies that mean the same have one canonical text."""

from __future__ import annotations

import pytest

from openai_replay.format.recording import JSON
from openai_replay.request.normal_form import canonical, normal_body


def test_the_canonical_text_has_its_members_sorted_and_no_white_space() -> None:
    assert canonical({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"\\u00fc"]}'


@pytest.mark.parametrize("body", [[1.0], 1.0, "x", None, True])
def test_a_body_that_is_no_object_is_compared_as_it_is(body: JSON) -> None:
    assert canonical(normal_body(body)) == canonical(body).replace("1.0", "1")
