"""`check`: each way in which a folder of recordings can be broken is found, and a sound one has no findings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.check import FIXABLE, NOTES, Finding, Kind, Limits, check
from openai_replay.collection.fix import fix
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store import names
from support.proxy import ROOT

RULES = Rules((), redactor(()))
CHAT = "0ea0bb1f93a4a6d22b581eaf28d277200a49510e4bd1b8c7c81404276bddff61.json"
EMBEDDING = "2627ee2e27807b22f37214488737032a0be3057527f933f4c3353e780945f04b.json"
KEY = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the project's own recordings, in order."""
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    return tmp_path / "recordings"


def found(folder: Path, limits: Limits = Limits()) -> list[Finding]:  # noqa: B008  # it is frozen
    return check(folder, RULES, limits, lambda host, port: (host, port) == ("api.openai.com", 443))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value, indent=2))


def test_recordings_as_they_are_made_have_no_findings(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / EMBEDDING).rename(folder / "sub" / EMBEDDING)
    (folder / ".gitignore").write_text("*.tmp")
    (folder / "openai-replay.toml").write_text("")
    assert found(folder) == []


def broken_json(folder: Path) -> None:
    (folder / CHAT).write_text('{"request": ')


def without_answer(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["response"].pop("body"))


def other_request(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["request"]["body"].update(seed=1))


def gap(folder: Path) -> None:
    shutil.copy(folder / CHAT, folder / CHAT.replace(".json", "-3.json"))


def secret_in_request(folder: Path) -> None:
    edit(
        folder / CHAT,
        lambda value: value["response"]["body"]["__data__"]["choices"][0]["message"].update(content=KEY),
    )


def stored_headers(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["request"].update(headers={"authorization": "Bearer x"}))


def stray_file(folder: Path) -> None:
    (folder / "speech.mp3").write_bytes(b"ID3")


def unfinished_file(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (folder / f".{CHAT}.{ended.pid}.0123abcd.tmp").write_text("{")


def old_format(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value.pop("id_normalization_mapping"))


def no_exchange(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["request"].pop("url"))


def missing_body(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["response"].update(body={"__file__": "gone.mp3"}))


def secret_in_body(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["response"].update(body={"__file__": "said.txt"}))
    (folder / "said.txt").write_text(f"My key is {KEY}")


def secret_in_an_unknown_member(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value.update(comment=[KEY]))


def secret_in_an_unknown_member_of_the_request(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["request"].update(provider_metadata={"key": KEY}))


def secret_among_the_ids(folder: Path) -> None:
    edit(folder / CHAT, lambda value: value["id_normalization_mapping"].update({KEY: "x"}))


def secret_in_a_document(folder: Path) -> None:
    (folder / "README.md").write_text(f"Set OPENAI_API_KEY={KEY}")


def secret_in_a_name(folder: Path) -> None:
    (folder / CHAT).rename(folder / f"{KEY}.json")


def byte_order_mark(folder: Path) -> None:
    (folder / CHAT).write_bytes(b"\xef\xbb\xbf" + (folder / CHAT).read_bytes())


def line_ends(folder: Path) -> None:
    (folder / CHAT).write_bytes((folder / CHAT).read_bytes().replace(b"\n", b"\r\n"))


def another_model_in_the_body(folder: Path) -> None:
    (folder / CHAT).rename(folder / "hello.json")
    edit(folder / "hello.json", lambda value: value["request"]["body"].update(model="gpt-5"))


def another_path_in_the_url(folder: Path) -> None:
    (folder / CHAT).rename(folder / "hello.json")
    url = "https://api.openai.com/v1/completions"
    edit(folder / "hello.json", lambda value: value["request"].update(url=url))


def copy_under_another_name(folder: Path) -> None:
    shutil.copy(folder / CHAT, folder / "copy.json")


def copy_in_a_subfolder(folder: Path) -> None:
    (folder / "sub").mkdir()
    shutil.copy(folder / CHAT, folder / "sub" / CHAT)


def names_that_differ_in_case(folder: Path) -> None:
    (folder / "README.md").write_text("")
    (folder / "Readme.md").write_text("")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")


def pipe_as_a_body(folder: Path) -> None:
    body = CHAT.replace(".json", ".mp3")
    edit(folder / CHAT, lambda value: value["response"].update(body={"__file__": body}))
    os.mkfifo(folder / body)


def truncated_file_with_a_body(folder: Path) -> None:
    (folder / CHAT).write_bytes((folder / CHAT).read_bytes()[:-20])
    (folder / CHAT.replace(".json", ".mp3")).write_bytes(b"ID3")


def link_to_itself(folder: Path) -> None:
    (folder / "loop.json").symlink_to("loop.json")


def link_to_a_folder(folder: Path) -> None:
    (folder / "all").symlink_to(".")


def folder_with_the_name_of_a_recording(folder: Path) -> None:
    (folder / "x.json").mkdir()


def bytes_that_are_no_text(folder: Path) -> None:
    (folder / CHAT).write_bytes(b"\xff" + (folder / CHAT).read_bytes())


def empty_file(folder: Path) -> None:
    (folder / CHAT).write_bytes(b"")


def marks_of_a_merge(folder: Path) -> None:
    (folder / CHAT).write_text(f"<<<<<<< HEAD\n{(folder / CHAT).read_text()}=======\n>>>>>>> main\n")


def foreign_file(folder: Path) -> None:
    (folder / "package.json").write_text('{"name": "x"}')


BREAKS: list[tuple[Callable[[Path], None], Kind, str]] = [
    (broken_json, Kind.UNREADABLE, "expected JSON, "),
    (without_answer, Kind.UNREADABLE, "expected a body, got none @ $.response"),
    (other_request, Kind.NAME, "expected the name of its request, "),
    (gap, Kind.GAP, "expected number 2 of its series, got 3"),
    (secret_in_request, Kind.SECRET, "a secret @ $.response.body.__data__.choices[0].message.content"),
    (
        stored_headers,
        Kind.HEADERS,
        "expected no headers of the request, they may hold keys @ $.request.headers",
    ),
    (stray_file, Kind.STRAY, "expected a recording or the body of one, no recording names this file"),
    (unfinished_file, Kind.UNFINISHED, "a file that was never finished"),
    (old_format, Kind.OLD_FORMAT, "an older format, without $.id_normalization_mapping"),
    (no_exchange, Kind.NOT_REPLAYABLE, "expected a url: "),
    (missing_body, Kind.UNREADABLE, "expected the body in gone.mp3, "),
    (secret_in_body, Kind.SECRET, "a secret in the body of a recording"),
    (secret_in_an_unknown_member, Kind.SECRET, "a secret @ $.comment[0]"),
    (
        secret_in_an_unknown_member_of_the_request,
        Kind.SECRET,
        "a secret @ $.request.provider_metadata.key",
    ),
    (secret_among_the_ids, Kind.SECRET, "a secret @ $.id_normalization_mapping"),
    (secret_in_a_document, Kind.SECRET, "a secret in a file beside the recordings"),
    (secret_in_a_name, Kind.SECRET, "a secret in the name of a file"),
    (byte_order_mark, Kind.LINE_ENDS, "expected no byte order mark @ byte 0"),
    (line_ends, Kind.LINE_ENDS, "expected lines that end in LF, got CRLF @ byte 1"),
    (
        another_model_in_the_body,
        Kind.OUTDATED,
        "expected the model of the body, 'gpt-5', got 'gpt-4o' @ $.request.model",
    ),
    (
        another_path_in_the_url,
        Kind.OUTDATED,
        "expected the path of the url, got '/v1/chat/completions' @ $.request.endpoint",
    ),
    (
        copy_under_another_name,
        Kind.SHADOWED,
        "never answers, 0ea0bb1f93a4….json answers the same request of the same test",
    ),
    (copy_in_a_subfolder, Kind.SHADOWED, "never answers, 0ea0bb1f93a4….json answers"),
    (
        names_that_differ_in_case,
        Kind.LETTER_CASE,
        "expected a name that differs from README.md in more than letter case",
    ),
    (pipe, Kind.UNREADABLE, "expected a readable file, it is no regular file"),
    (pipe_as_a_body, Kind.UNREADABLE, "expected the body in "),
    (truncated_file_with_a_body, Kind.UNREADABLE, "expected JSON, "),
    (link_to_itself, Kind.UNREADABLE, "expected a readable file, "),
    (link_to_a_folder, Kind.STRAY, "expected no link to a folder, it is not read"),
    (folder_with_the_name_of_a_recording, Kind.STRAY, "expected a recording, it is a folder"),
    (bytes_that_are_no_text, Kind.UNREADABLE, "expected UTF-8, "),
    (empty_file, Kind.UNREADABLE, "expected JSON, the file is empty"),
    (marks_of_a_merge, Kind.UNREADABLE, "expected JSON, "),
    (foreign_file, Kind.UNREADABLE, "expected "),
]


@pytest.mark.parametrize(
    ("damage", "kind", "problem"), BREAKS, ids=lambda value: getattr(value, "__name__", None)
)
def test_each_damage_is_found_and_the_mechanical_ones_are_mended(
    folder: Path, damage: Callable[[Path], None], kind: Kind, problem: str
) -> None:
    damage(folder)
    [finding] = found(folder)
    assert finding.kind is kind
    assert finding.problem.startswith(problem)
    lines = [*fix(folder, [finding], RULES)]
    assert len(lines) == (kind in FIXABLE)
    assert found(folder) == ([] if kind in FIXABLE else [finding])


def test_a_file_that_is_too_large_is_found(folder: Path) -> None:
    size = (folder / CHAT).stat().st_size
    assert found(folder, Limits(size - 1))[0].problem == f"expected at most {size - 1:,} bytes, got {size:,}"
    assert CHAT not in [finding.path for finding in found(folder, Limits(size))]


def test_mending_overwrites_nothing(folder: Path) -> None:
    """A recording under a wrong name goes behind the recording that has its name, also if both are equal."""
    wrong = folder / f"{'a' * 64}.json"
    shutil.copy(folder / CHAT, wrong)
    edit(wrong, lambda value: value["response"].update(headers={"x-copy": "1"}))
    before = {path.read_bytes() for path in folder.iterdir()}
    assert [*fix(folder, found(folder), RULES)] == [
        f"renamed {wrong.name} to {names.numbered_stem(CHAT.removesuffix('.json'), 2)}.json"
    ]
    assert {path.read_bytes() for path in folder.iterdir()} == before
    assert found(folder) == []


_NAMES = st.sampled_from(["a" * 64, "b" * 64, CHAT.removesuffix(".json"), EMBEDDING.removesuffix(".json")])
_STEMS = st.builds(names.numbered_stem, _NAMES, st.sampled_from([1, 2, 3, 5, 12]))


@given(st.dictionaries(_STEMS, st.sampled_from([CHAT, EMBEDDING]), min_size=1, max_size=5))
def test_any_mix_of_wrong_names_and_gaps_is_mended_in_a_few_rounds_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("mix")
    for number, (stem, source) in enumerate(files.items()):
        shutil.copy(ROOT / "recordings" / source, folder / f"{stem}.json")
        edit(folder / f"{stem}.json", lambda value: value["response"].update(headers={"x": str(number)}))  # noqa: B023  # called at once
    before = sorted(path.read_bytes() for path in folder.iterdir())
    for _ in range(5):
        deque(fix(folder, found(folder), RULES))
    assert not [finding for finding in found(folder) if finding.kind in FIXABLE]
    assert sorted(path.read_bytes() for path in folder.glob("*.json")) == before


def test_mending_an_old_format_keeps_members_that_are_not_known(folder: Path) -> None:
    def age(value: Any) -> None:
        del value["test_id"], value["id_normalization_mapping"], value["request"]["endpoint"]
        value["request"]["payload"] = value["request"].pop("body")
        value["more"] = [1]
        value["request"]["provider_metadata"] = {"a": 1}

    original = json.loads((folder / CHAT).read_bytes())
    edit(folder / CHAT, age)
    assert len([*fix(folder, found(folder), RULES)]) == 1
    mended = json.loads((folder / CHAT).read_bytes())
    assert mended.pop("more") == [1]
    assert mended["request"].pop("provider_metadata") == {"a": 1}
    assert (mended, [*mended], [*mended["request"]]) == (original, [*original], [*original["request"]])


def test_a_name_that_a_person_chose_is_no_finding(folder: Path) -> None:
    (folder / CHAT).rename(folder / "hello.json")
    assert found(folder) == []


def test_a_recording_with_a_body_beside_it_moves_with_its_body(folder: Path) -> None:
    wrong = folder / f"{'b' * 64}.json"
    shutil.copy(folder / CHAT, wrong)
    (folder / f"{'b' * 64}.mp3").write_bytes(b"\xffsound")
    edit(wrong, lambda value: value["response"].update(body={"__file__": f"{'b' * 64}.mp3"}))
    (folder / CHAT).unlink()
    assert len([*fix(folder, found(folder), RULES)]) == 1
    assert found(folder) == []
    assert (folder / CHAT.replace(".json", ".mp3")).read_bytes() == b"\xffsound"


def test_every_kind_of_finding_has_a_test() -> None:
    assert {kind for _, kind, _ in BREAKS} | {Kind.LARGE, Kind.HOST} == set(Kind)
    notes = {Kind.NOT_REPLAYABLE, Kind.OLD_FORMAT, Kind.OUTDATED, Kind.LINE_ENDS, Kind.SHADOWED, Kind.HOST}
    assert notes == NOTES


def test_a_name_with_a_secret_is_told_without_it(folder: Path) -> None:
    secret_in_a_name(folder)
    assert KEY not in "".join(map(str, found(folder)))


def test_mending_line_ends_gives_the_file_back_as_it_was_recorded(folder: Path) -> None:
    recorded = (folder / CHAT).read_bytes()
    line_ends(folder)
    byte_order_mark(folder)
    assert len([*fix(folder, found(folder), RULES)]) == 1
    assert (folder / CHAT).read_bytes() == recorded


def test_a_file_that_is_being_written_is_no_finding(folder: Path) -> None:
    (folder / f".{CHAT}.{os.getpid()}.0123abcd.tmp").write_text("{")
    assert found(folder) == []


def test_recordings_of_a_host_that_is_not_recorded_are_pointed_out_once(folder: Path) -> None:
    for path in sorted(folder.glob("*.json"))[:2]:
        path.write_text(path.read_text().replace("https://api.openai.com/", "https://me.openai.azure.com/"))
    findings = [finding for finding in found(folder) if finding.kind is Kind.HOST]
    [finding] = findings
    assert "me.openai.azure.com is none of the recorded hosts" in finding.problem
    assert "nor for 1 other recording" in finding.problem
    assert Kind.HOST in NOTES
