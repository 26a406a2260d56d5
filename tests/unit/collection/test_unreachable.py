"""`unreachable`: of recordings of one request by one test, the names that replay never comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.unreachable import Place, place_of, same_but_for_case, unreachable
from openai_replay.request.identity import ApiRequest
from unit.exchanges import Replay, chat, get, write_recording

ONE = chat("Hi")
NAME = ONE.name()
OLD_NAME = ONE.names(None)[1]


def place(path: str, request: ApiRequest) -> Place | None:
    return place_of(path, request, request.names(request.test_id))


def found(*paths: str, request: ApiRequest = ONE) -> list[tuple[str, str]]:
    places = [place(path, request) for path in paths]
    return [*unreachable((one for one in places if one is not None), paths)]


@pytest.mark.parametrize(
    ("paths", "hidden"),
    [
        ([f"{NAME}.json", f"{NAME}-2.json", f"{NAME}-3.json"], []),
        (["b.json", "b-2.json"], []),
        (["b.json", "a.json"], [("b.json", "a.json")]),
        (["a-02.json", "a-2.json", "a.json"], [("a-02.json", "a.json")]),
        (["a.json", f"{NAME}.json"], [("a.json", f"{NAME}.json")]),
        ([f"{OLD_NAME}.json", f"{NAME}.json"], [(f"{OLD_NAME}.json", f"{NAME}.json")]),
        (["a.json", f"{OLD_NAME}.json"], [("a.json", f"{OLD_NAME}.json")]),
        ([f"sub/{NAME}.json", f"{NAME}.json"], [(f"sub/{NAME}.json", f"{NAME}.json")]),
        (["a.json", f"sub/{NAME}.json"], [(f"sub/{NAME}.json", "a.json")]),
    ],
)
def test_the_recorders_name_goes_before_other_names(paths: list[str], hidden: list[tuple[str, str]]) -> None:
    assert found(*paths) == hidden


_FILES = st.sampled_from(
    [
        *(f"{folder}{name}{number}.json" for name in (NAME, OLD_NAME, "a", "b") for number in ("", "-2", "-3")
          for folder in ("", "sub/"))
    ]
)  # fmt: skip


@given(st.sets(_FILES, min_size=1, max_size=6))
def test_replay_answers_with_each_other_file_and_with_none_of_these(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("rivals")
    for number, path in enumerate(sorted(paths)):
        write_recording(folder, path, ONE, {"number": number})
    replay = Replay(folder)
    answered = {replay.name(ONE) for _ in paths}
    replay.close()
    hidden = {path for path, _ in found(*sorted(paths))}
    assert answered == paths - hidden


def test_another_request_or_test_is_no_rival() -> None:
    places = [place("a.json", ONE), place("b.json", chat("Bye")), place("c.json", chat(test_id="t"))]
    assert [*unreachable((one for one in places if one), ["a.json", "b.json", "c.json"])] == []


def test_lists_of_models_answer_together() -> None:
    assert place("a.json", get("/v1/models")) is None


def test_paths_that_some_file_systems_take_for_one() -> None:
    paths = ["A/b.json", "a/B.json", "a/c.json", "straße", "STRASSE"]
    assert [*same_but_for_case(paths)] == [("a/B.json", "A/b.json"), ("STRASSE", "straße")]
