"""`import_files`: a file's format is told by its content; no content makes an import fail as a whole."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.import_files import Files, found_in
from openai_replay.record.raw_exchange import NotTaken, RawExchange

INTERACTION = {
    "request": {"method": "GET", "uri": "https://api.openai.com/v1/x", "body": None, "headers": {}},
    "response": {"status": {"code": 200}, "headers": {}, "body": {"string": "{}"}},
}


def no_flows(path: Path) -> Iterator[RawExchange | NotTaken]:
    yield NotTaken(str(path), "flows")


def read(path: Path, raw: bytes) -> list[RawExchange | NotTaken]:
    path.write_bytes(raw)
    files = Files(no_flows)
    return [*files.exchanges(path, is_named=True), *files.later_exchanges()]


@pytest.mark.parametrize("name", ["interactions", "http_interactions"])
def test_cassettes_are_read_in_json_yaml_and_gzip_whatever_their_names(tmp_path: Path, name: str) -> None:
    cassette = json.dumps({name: [INTERACTION]}).encode()
    yaml = b"---\n" + cassette
    for raw in (cassette, yaml, gzip.compress(yaml), b"\xef\xbb\xbf" + cassette):
        assert [type(found) for found in read(tmp_path / "x", raw)] == [RawExchange]


def test_flow_files_and_batches_are_told_apart(tmp_path: Path) -> None:
    assert read(tmp_path / "a", b"1234:5:abcde") == [NotTaken(str(tmp_path / "a"), "flows")]
    [found] = read(tmp_path / "b", b'{"custom_id": "a", "method": "POST", "url": "/v1/x", "body": {}}\n')
    assert "expected an output line" in str(found)


def test_other_files_of_a_folder_are_notes_and_named_ones_are_problems(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in ("package.json", ".git/a.json", "notes.txt", "b.yml"):
        (tmp_path / name).write_text('{"requests": 1, "responses": 2}')
    files = Files(no_flows)
    found = [
        one for path, is_named in found_in([tmp_path]) for one in files.exchanges(path, is_named=is_named)
    ]
    assert found == []
    assert [note.place for note in files.unknown] == [str(tmp_path / "b.yml"), str(tmp_path / "package.json")]
    assert [*found_in([tmp_path / "notes.txt"])] == [(tmp_path / "notes.txt", True)]
    assert len([*files.exchanges(tmp_path / "notes.txt", is_named=True)]) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"interactions:\n- {}",
        b"---\nhttp_interactions:\n- {}",
        b"---\nversion: 2\ninteractions:\n",
        b'{"log": {"entries": []}}',
        b'{\n  "version": 1, "interactions": []}',
        b"httprr trace v1\n",
        b"1234:5:abcde",
    ],
)
def test_a_file_of_a_folder_without_an_ending_is_found_by_its_first_bytes(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "cassette").write_bytes(content)
    (tmp_path / "readme").write_text("Our interactions: none.")
    (tmp_path / "test_it.py").write_text("version = 1")
    os.mkfifo(tmp_path / "pipe")
    assert [*found_in([tmp_path])] == [(tmp_path / "cassette", False)]


def test_no_pipe_of_a_folder_blocks_an_import(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("b.yaml")
    files = Files(no_flows)
    for path, is_named in found_in([tmp_path]):
        [found] = files.exchanges(path, is_named=is_named)
        assert str(found) == f"{path}: expected a regular file"


@pytest.mark.parametrize(
    "content",
    [
        b'{\n  // comments\n  "compilerOptions": {},\n}',
        b"a: [b",
        b"{{ template }}: [",
        b"\x9c\x00interactions: [",
        b"a: " + b"[" * 100_000,
        b'{"name": "a project"}\n{"name": "lines"}\n',
    ],
)
def test_a_file_of_a_folder_that_is_plainly_no_cassette_is_passed_over(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    files = Files(no_flows)
    assert [*files.exchanges(path, is_named=False)] == []
    assert files.unknown == []
    assert len([*files.exchanges(path, is_named=True)]) == 1


def test_a_large_file_of_a_folder_is_read_only_if_it_is_named(tmp_path: Path) -> None:
    cassette, other = tmp_path / "a.json", tmp_path / "b.json"
    for path, start in ((cassette, b'{"interactions": ['), (other, b'{"rows": [')):
        path.write_bytes(start)
        os.truncate(path, 256 * 1024 * 1024 + 1)
    files = Files(no_flows)
    [found] = files.exchanges(cassette, is_named=False)
    assert "expected at most 268,435,456 bytes in a folder, name the file to import it" in str(found)
    assert [*files.exchanges(other, is_named=False)] == []


def test_folders_of_packages_and_of_the_recordings_are_left_out_and_links_are_followed_once(
    tmp_path: Path,
) -> None:
    project, shared = tmp_path / "project", tmp_path / "shared"
    for folder in ("node_modules/x", "env/lib", "recordings", "tests", ".venv"):
        (project / folder).mkdir(parents=True)
        (project / folder / "a.yaml").touch()
    (project / "env" / "pyvenv.cfg").touch()
    shared.mkdir()
    (shared / "b.yaml").touch()
    (project / "linked").symlink_to(shared)
    (project / "around").symlink_to(project)
    found = [path for path, _ in found_in([project], project / "recordings")]
    assert found == [project / "linked" / "b.yaml", project / "tests" / "a.yaml"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    (tmp_path / "gone").mkdir()
    found = found_in([tmp_path])
    assert next(found) == (tmp_path / "a.yaml", False)
    (tmp_path / "gone").rmdir()
    [(path, is_named)] = found
    assert [*map(str, Files(no_flows).exchanges(path, is_named=is_named))] == [
        f"{tmp_path / 'gone'}: expected a regular file"
    ]


def test_hars_in_a_zip_file_have_their_bodies_beside_them(tmp_path: Path) -> None:
    entry = {
        "request": {"method": "GET", "url": "https://api.openai.com/v1/x", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"_file": "1.json"}},
    }
    with zipfile.ZipFile(tmp_path / "a.har.zip", "w") as archive:
        archive.writestr("har.har", json.dumps({"log": {"entries": [entry]}}))
        archive.writestr("1.json", '{"a": 1}')
    [(path, is_named)] = found_in([tmp_path])
    [found] = Files(no_flows).exchanges(path, is_named=is_named)
    assert isinstance(found, RawExchange)
    assert (found.place, found.response_body) == (f"{path}/har.har, entry 1", b'{"a": 1}')


@pytest.mark.parametrize(
    ("names", "reason"), [(("a.txt",), "expected a cassette of VCR.py"), ((), "expected a zip file")]
)
def test_another_zip_file_is_named(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    if not names:
        path.write_bytes(b"PK\x03\x04")
    [found] = Files(no_flows).exchanges(path, is_named=True)
    assert reason in str(found)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{}")
    assert [*found_in([path, tmp_path, path])] == [(path, True)]


def test_a_recording_is_said_to_be_one(tmp_path: Path) -> None:
    members = {"method": "GET", "url": "u", "headers": {}, "body": {}, "endpoint": "/", "model": ""}
    [found] = read(tmp_path / "a.json", json.dumps({"request": members, "response": {}}).encode())
    assert str(found).endswith("or a batch file; it is a recording already: copy it")


@pytest.mark.parametrize(("before", "between"), [(b"---\n", b"\n---\n"), (b"", b"\n"), (b" ", b"\r\n\r\n")])
def test_exchanges_of_several_documents_say_which(tmp_path: Path, before: bytes, between: bytes) -> None:
    one = json.dumps({"interactions": [INTERACTION]}).encode()
    found = read(tmp_path / "a", before + one + between + one + b"\n")
    assert [getattr(each, "place", "") for each in found] == [
        f"{tmp_path / 'a'}, document 1, interaction 1",
        f"{tmp_path / 'a'}, document 2, interaction 1",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b'{\n  "interactions": [],\n  # c\n}',
            "expected JSON, Expecting property name enclosed in double quotes @ line 3 column 3",
        ),
        (b"interactions: \xff", "expected YAML, "),
        (b"interactions:\n- [", "expected YAML, did not find expected node content @ line 3 column 1"),
        (b'{"log": {"entries": [', "expected JSON, Expecting value @ line 1 column 22"),
        (b'{"interactions": []}\n}', "expected JSON, Expecting value @ line 2 column 1"),
        (b'{"interactions": ' + b"[" * 100_000, "expected JSON, "),
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_damaged_file_is_a_problem_also_in_a_folder(
    tmp_path: Path, content: bytes, problem: str, is_named: bool
) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    files = Files(no_flows)
    [found] = files.exchanges(tmp_path / "a.yaml", is_named=is_named)
    assert str(found).startswith(f"{tmp_path / 'a.yaml'}: {problem}")
    assert files.unknown == []


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    [found] = Files(no_flows).exchanges(tmp_path / "gone", is_named=True)
    assert str(found) == f"{tmp_path / 'gone'}: expected a readable file, No such file or directory"


_NAMES = [
    "request",
    "response",
    "status",
    "code",
    "body",
    "string",
    "headers",
    "uri",
    "method",
    "log",
    "entries",
    "content",
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
)


@given(st.sampled_from(["interactions", "http_interactions", "entries"]), _values)
def test_no_cassette_breaks_the_import(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    top = {"log": {"entries": value}} if name == "entries" else {name: value}
    path = tmp_path_factory.mktemp("any") / "a.json"
    for found in read(path, json.dumps(top).encode()):
        assert isinstance(found, RawExchange | NotTaken)


@pytest.mark.parametrize("raw", [b"", b" \n", b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe", b"# a comment\n"])
def test_a_file_without_a_value_is_said_to_be_empty(tmp_path: Path, raw: bytes) -> None:
    assert read(tmp_path / "a", raw) == [NotTaken(str(tmp_path / "a"), "the file is empty")]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_import(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    for found in read(tmp_path_factory.mktemp("any") / "a", raw):
        assert isinstance(found, RawExchange | NotTaken)
