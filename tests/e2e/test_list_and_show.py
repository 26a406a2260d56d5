"""`openai-replay list` and `openai-replay show`: the recordings as a person looks at them."""

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from support.command import openai_replay
from support.proxy import ROOT, bare_environment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the project's own recordings in it."""
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    return tmp_path


def test_a_recording_is_a_line_with_what_was_asked(home: Path) -> None:
    listed = openai_replay(home, "list")
    assert listed.returncode == 0
    assert listed.stderr.startswith("openai-replay: 5 recordings; 0 tests; 1 host; 21 tokens in, 9 out; ")
    assert listed.stdout.splitlines() == [
        "0ea0bb1f93a4…                  POST /v1/chat/completions  gpt-4o                  200             "
        "Say hello from a recording.",
        "1ffb4de28dec…                  POST /v1/chat/completions  gpt-4o                  200  11 chunks  "
        "Say hello from a recording.",
        "2627ee2e2780…                  POST /v1/embeddings        text-embedding-3-small  200             "
        "Say hello from a recording.",
        "dcb00eb0c6da…                  POST /v1/chat/completions  gpt-4o                  200  7 chunks   "
        "What is the weather in Paris?",
        "models-fe6ec7355022…-7765f337  GET /v1/models                                     200",
    ]


def test_a_program_gets_json(home: Path) -> None:
    first = json.loads(openai_replay(home, "list", "--json").stdout.splitlines()[0])
    assert first.pop("size") == (home / "recordings" / first["recording"]).stat().st_size
    assert datetime.fromisoformat(first.pop("recorded_at")).tzinfo is not None
    assert first == {
        "recording": "0ea0bb1f93a4a6d22b581eaf28d277200a49510e4bd1b8c7c81404276bddff61.json",
        "test_id": None,
        "method": "POST",
        "host": "api.openai.com",
        "endpoint": "/v1/chat/completions",
        "model": "gpt-4o",
        "status": 200,
        "chunks": None,
        "is_error": False,
        "is_broken": False,
        "ending": "stop",
        "usage": {"input": 14, "output": 9, "total": 23},
        "prompt": "Say hello from a recording.",
    }


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--endpoint", "*/embeddings"], 1),
        (["--host", "*.openai.com"], 5),
        (["--host", "localhost"], 0),
        (["--test", "tests/*"], 0),
        (["--endpoint", "/v1/chat/*", "--host", "api.*"], 3),
    ],
)
def test_filters_narrow_the_list(home: Path, arguments: list[str], count: int) -> None:
    assert len(openai_replay(home, "list", *arguments).stdout.splitlines()) == count


def test_sums_alone_are_a_line_or_json(home: Path) -> None:
    assert openai_replay(home, "list", "--sums").stdout.startswith("5 recordings; 0 tests; 1 host; ")
    sums = json.loads(openai_replay(home, "list", "--sums", "--json").stdout)
    assert (sums["recordings"], sums["hosts"]) == (5, ["api.openai.com"])


def test_the_age_is_that_of_the_last_commit(home: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "a", "--date", "2020-01-01T00:00:00Z"]):
        environment = bare_environment(home, GIT_COMMITTER_DATE="2020-01-01T00:00:00Z")
        subprocess.run([*git, *arguments], cwd=home, check=True, env=environment)
    changed = next((home / "recordings").glob("2627*.json"))
    changed.write_text(changed.read_text().replace("hello", "Hello"))
    lines = map(json.loads, openai_replay(home, "list", "--json").stdout.splitlines())
    of_2020 = [line["recording"] for line in lines if line["recorded_at"] == "2020-01-01T00:00:00+00:00"]
    assert len(of_2020) == 4
    assert changed.name not in of_2020


def report(home: Path, name: str, unused: list[str], **more: object) -> str:
    """Write the report of a run, and return its name."""
    rest = {"mode": "replay", "totals": {}, "replayed": [], "recorded": [], "missed": [], **more}
    (home / name).write_text(json.dumps({**rest, "unused": unused}))
    return name


def test_unused_recordings_are_listed_by_the_report_of_a_run(home: Path) -> None:
    names = [path.name for path in sorted((home / "recordings").glob("*.json"))]
    listed = openai_replay(home, "list", "--unused", report(home, "report.json", names[1:3]))
    assert [line[:12] for line in listed.stdout.splitlines()] == [name[:12] for name in names[1:3]]
    (home / "report.json").write_text("[]")
    assert openai_replay(home, "list", "--unused", "report.json").returncode == 2


def test_pruning_removes_recordings_of_tests_that_ran_alone(home: Path) -> None:
    folder = home / "recordings"
    names = [path.name for path in sorted(folder.glob("*.json"))]
    for name, test_id in zip(names, ["ran", "ran", "other", "missing", None], strict=True):
        value = json.loads((folder / name).read_bytes())
        (folder / name).write_text(json.dumps({**value, "test_id": test_id}))
    seen = [{"recording": names[0], "test_id": "ran", "times": 1}]
    first = report(home, "1.json", names[1:], replayed=seen)
    second = report(home, "2.json", names, missed=[{"test_id": "missing", "request": "0"}])

    dry = openai_replay(home, "prune", "--dry-run", first, second)
    assert (dry.returncode, dry.stdout) == (0, f"{names[1]}\n")
    assert len([*folder.glob("*.json")]) == 5
    assert dry.stderr.splitlines() == [
        "openai-replay: the reports saw 2 tests: missing, ran",
        "openai-replay: kept 2 unused recordings of tests that made no request: other, requests without a test id",
        "  Next: if these tests are gone, run all tests with `openai-replay run --report run.json`, then "
        "`openai-replay prune --all-tests run.json`",
        "openai-replay: kept 1 unused recording of tests with a request that got no recorded answer: missing",
        "openai-replay: would remove 1 recording",
    ]
    pruned = openai_replay(home, "prune", first, second)
    assert pruned.stdout == f"{names[1]}\n"
    assert sorted(path.name for path in folder.glob("*.json")) == [name for name in names if name != names[1]]
    everything = openai_replay(home, "prune", "--all-tests", first, second)
    assert everything.stdout.splitlines() == [names[2], names[4]]


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"input": "a\n  long " + "text " * 20}, "a long text text text text text text text text…"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "in parts"}]}]}, "in parts"),
        ({"prompt": "legacy"}, "legacy"),
        ({"messages": []}, ""),
        ([1], ""),
    ],
)
def test_the_prompt_is_the_last_thing_asked_and_one_line(home: Path, body: object, prompt: str) -> None:
    for path in (home / "recordings").glob("*.json"):
        value = json.loads(path.read_bytes())
        value["request"]["body"] = body
        (home / "recordings" / "only.json").write_text(json.dumps(value))
        path.unlink()
    assert openai_replay(home, "list").stdout.rstrip().endswith(prompt or "200")


def test_a_recorded_error_has_the_status_that_a_client_gets(home: Path) -> None:
    [path] = (home / "recordings").glob("2627*.json")
    value = json.loads(path.read_bytes())
    failure = {"type": "NotFoundError", "status_code": 404, "body": {"message": "No."}, "message": "No."}
    value["response"] = {
        "body": None,
        "is_streaming": False,
        "is_exception": True,
        "exception_data": failure,
        "exception_message": "No.",
    }
    path.write_text(json.dumps(value))
    assert "text-embedding-3-small  404  error " in openai_replay(home, "list").stdout


def test_what_cannot_be_read_is_named_and_the_rest_is_listed(home: Path) -> None:
    (home / "recordings" / "broken.json").write_text('{"request": ')
    listed = openai_replay(home, "list")
    assert listed.returncode == 1
    assert len(listed.stdout.splitlines()) == 5
    assert f"openai-replay: {home}/recordings/broken.json: expected JSON" in listed.stderr
    assert listed.stderr.count("\n") == 2


def test_an_empty_folder_is_said_to_be_one(home: Path) -> None:
    (home / "empty").mkdir()
    listed = openai_replay(home, "list", "--dir", "empty")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr == f"openai-replay: there is no recording in {home}/empty\n"


def test_a_folder_that_is_not_there_is_an_error_of_the_option_that_named_it(home: Path) -> None:
    listed = openai_replay(home, "list", "--dir", "nowhere")
    assert listed.returncode == 2
    assert listed.stderr.startswith(
        "openai-replay: error: --dir 'nowhere': expected an existing folder to replay from"
    )


@pytest.mark.parametrize("name", ["dcb00eb0c6da…", "dcb0", "recordings/dcb00eb0c6da{}.json"])
def test_a_recording_is_shown_by_its_file_or_by_what_the_list_calls_it(home: Path, name: str) -> None:
    [path] = (home / "recordings").glob("dcb00*.json")
    shown = openai_replay(home, "show", name.format(path.stem[12:]))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        "POST https://api.openai.com/v1/chat/completions",
        "model: gpt-4o",
        "stream: true",
        'tool: {"function": {"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}, '
        '"required": ["city"], "type": "object"}}, "type": "function"}',
        "user: What is the weather in Paris?",
        "",
        "200, 7 chunks, gpt-4o-2024-08-06",
        'assistant calls get_weather: {"city": "Paris"}',
        "ended: tool_calls",
    ]


def test_a_recording_is_shown_as_it_is_on_the_wire(home: Path) -> None:
    shown = openai_replay(home, "show", "--raw", "dcb0")
    assert shown.stdout.startswith("POST https://api.openai.com/v1/chat/completions\n")
    assert '"content": "What is the weather in Paris?"' in shown.stdout
    assert "content-type: text/event-stream" in shown.stdout
    assert shown.stdout.count('data: {"id":') == 7
    assert shown.stdout.endswith("data: [DONE]\n\n\n")


def test_the_first_of_a_sequence_is_meant_unless_the_number_is_said(home: Path) -> None:
    [path] = (home / "recordings").glob("2627*.json")
    again = path.with_stem(f"{path.stem}-2")
    again.write_text(path.read_text().replace("from a recording", "once more"))
    assert "2627ee2e2780…-2 " in openai_replay(home, "list").stdout
    assert "from a recording" in openai_replay(home, "show", "2627").stdout
    assert "once more" in openai_replay(home, "show", "2627ee2e2780…-2").stdout


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("beef", 2, "beef: expected a file, or the beginning of a recording's name in "),
        ("", 2, ": expected one recording, 5 begin so: 0ea0bb1f93a4"),
        ("note.txt", 1, "note.txt: expected JSON, Expecting value @ line 1 column 1"),
    ],
)
def test_what_is_no_recording_is_an_error_in_one_line(home: Path, name: str, status: int, text: str) -> None:
    (home / "note.txt").write_text("Hello")
    shown = openai_replay(home, "show", name)
    assert (shown.returncode, shown.stdout) == (status, "")
    assert text in shown.stderr
    assert shown.stderr.count("\n") == 1
