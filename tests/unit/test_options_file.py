"""`options_file`: options beside the recordings, checked like all others, with the line of the file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import BadOption
from openai_replay.options import OPTIONS, MatchPolicy, Mode
from openai_replay.options_file import NAME, read_options_file, resolve, template


def write(folder: Path, text: str) -> Path:
    path = folder / NAME
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_sets_what_neither_command_line_nor_environment_do(tmp_path: Path) -> None:
    write(tmp_path, "test_match = 'require'\nignore = ['metadata.run_id']\ntest_id = 'of the file'\n")
    environment = {"OPENAI_RECORDING_TEST_ID": "of the environment"}
    given_values = {"recording_dir": str(tmp_path)}

    result = resolve(given_values, environment)
    assert (result.mode, result.test_match) == (Mode.REPLAY, MatchPolicy.REQUIRE)
    assert [rule.text for rule in result.ignore] == ["metadata.run_id"]
    assert result.test_id == "of the environment"

    # A value of the command line counts even where it is the default.
    assert resolve(given_values | {"recording_test_match": "prefer"}, {}).test_match is MatchPolicy.PREFER
    assert resolve(given_values, {}).test_id == "of the file"


def test_the_folder_comes_from_the_environment_too(tmp_path: Path) -> None:
    write(tmp_path, "hosts = 'localhost:11434'\n")
    result = resolve({}, {"OPENAI_RECORDING_DIR": str(tmp_path)})
    assert [host.text for host in result.hosts] == ["localhost:11434"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nignor = ['a']\n", " line 2: unknown option ignor: did you mean ignore?"),
        ("recording_ignore = []", " line 1: unknown option recording_ignore: did you mean ignore?"),
        ("dir = 'x'", " line 1: unknown option dir: the file applies to the folder that it lies in"),
        ("zzz = 1", " line 1: unknown option zzz: expected one of "),
        ("test_match = 'prefer'\n[ignore]\na = 1\n", " line 2: ignore={'a': 1}: expected a list of texts"),
        ("redact = [1, [2]]", " line 1: redact=[1, [2]]: expected a list of texts"),
        ("test_match = ['prefer']", " line 1: test_match=['prefer']: expected a text"),
        ("\n\ntest_match = 'never'", " line 3: test_match='never': expected one of prefer, require"),
        ("ignore = [\n  'a.b',\n  'c[',\n]\n", " line 3: ignore='c[': expected a path such as"),
        ("redact = [\n  '(',\n]\n", " line 2: redact='(': expected a regular expression"),
        ("hosts = []", " line 1: hosts is empty: expected at least one host name"),
        ("hosts = [", ": expected TOML, "),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadOption, match=f"^{re.escape(str(path) + message)}"):
        resolve({"recording_dir": str(tmp_path)}, {})


def test_a_mistake_of_the_command_line_is_none_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "test_match = 'require'")
    with pytest.raises(BadOption, match=r"^recording_test_match='never'"):
        resolve({"recording_dir": str(tmp_path), "recording_test_match": "never"}, {})


def test_a_file_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"\xff")
    with pytest.raises(BadOption, match=f"^{re.escape(str(path))}: expected a readable text file"):
        read_options_file(tmp_path)
    path.unlink()
    assert read_options_file(tmp_path) is None


def test_a_new_file_sets_nothing_and_names_every_option_that_belongs_there(tmp_path: Path) -> None:
    text = template()
    assert tomllib.loads(text) == {}
    path = write(tmp_path, text)
    in_comments = re.findall(r"^# (\w+) = ", path.read_text(), re.MULTILINE)
    left_out = {"recording_dir", "recording_mode", "recording_test_id", "recording_report"}
    assert {f"recording_{name}" for name in in_comments} == {option.name for option in OPTIONS} - left_out


def test_a_new_file_says_the_defaults(tmp_path: Path) -> None:
    uncommented = re.sub(r"^# (?=\w+ = )", "", template(), flags=re.MULTILINE)
    write(tmp_path, uncommented)
    file = read_options_file(tmp_path)
    assert file is not None
    defaults = {option.name: option.default for option in OPTIONS}
    assert dict(file.values) == {name: defaults[name] for name in file.values}


@given(st.text(max_size=80))
def test_any_text_is_options_or_an_error_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / NAME).write_bytes(text.encode("utf-8", "replace"))
    assert "\n" not in problem_with(folder)


def problem_with(folder: Path) -> str:
    """Return the error in the options of a folder, "" without one."""
    try:
        resolve({"recording_dir": str(folder)}, {})
    except BadOption as exc:
        return str(exc)
    return ""
